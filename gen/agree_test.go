package gen_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/sessgen/sessgen/gen"
	"github.com/sessgen/sessgen/gen/protofile"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// payload is the parameters of a message of some schema, and the protobuf message that is exported for them.
type payload struct {
	params     []*check.Var
	descriptor protoreflect.MessageDescriptor
}

// TestAgreesWithProtobuf takes every payload of the corpus and of this tree's schemas. protocompile must accept what is
// exported of each schema; random values, encoded by the protobuf library, must come back from the generated code
// to the byte, through its decoder and its encoder.
//
// A payload is received and sent in a protocol of its own, which holds nothing else: what the schemas'
// protocols say of when it may be sent is not the matter here.
func TestAgreesWithProtobuf(t *testing.T) {
	module := t.TempDir()
	payloads := map[string]payload{}
	seen := map[string]bool{}
	imports, opens := "", ""
	folders := allSchemas(t)
	for _, dir := range sortedKeys(folders) {
		p := parsed(folders[dir])
		require.False(t, p.HasErrors(), "%s: %v", dir, p.Diagnostics())
		exported := compiled(t, dir, protofile.Text(p))
		var fresh []payload
		for _, m := range messagesOf(p) {
			var shape []string
			for _, v := range m.Params {
				shape = append(shape, shapeOf(v.Type, nil))
			}
			key := strings.Join(shape, ", ")
			if seen[key] || key == "" {
				continue
			}
			seen[key] = true
			d := find(exported, m)
			require.NotNil(t, d, "%s: %s has no message", dir, m.Label)
			fresh = append(fresh, payload{m.Params, d})
		}
		if len(fresh) == 0 {
			continue
		}
		alone(p, fresh)
		files, err := gen.Generate(p)
		require.NoError(t, err)
		require.NotEmpty(t, files, "%s: %v", dir, p.Diagnostics())
		for name, text := range files {
			require.NoError(t, os.MkdirAll(filepath.Join(module, dir), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(module, dir, name), text, 0o644))
		}
		alias := fmt.Sprintf("p%d", len(payloads))
		imports += fmt.Sprintf("\t%s %q\n", alias, path.Join("corpus.test", dir))
		for i, of := range fresh {
			name := fmt.Sprintf("%s.Wire%d", dir, i)
			payloads[name] = of
			opens += fmt.Sprintf("\t%q: %s.OpenWire%dA,\n", name, alias, i)
		}
	}
	require.Greater(t, len(payloads), 60)
	main, err := os.ReadFile("testdata/agree/main.go")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(module, "main.go"), main, 0o644))
	table := "package main\n\nimport (\n" + imports + ")\n\nvar opens = map[string]any{\n" + opens + "}\n"
	require.NoError(t, os.WriteFile(filepath.Join(module, "opens.go"), []byte(table), 0o644))
	besideUs(t, module)
	build := exec.Command("go", "build", "-o", "agree", ".")
	build.Dir = module
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%.4000s", out)

	agree(t, filepath.Join(module, "agree"), payloads)
}

// agree sends values of each payload to the program, and compares what comes back.
func agree(t *testing.T, program string, payloads map[string]payload) {
	const values = 30
	var requests bytes.Buffer
	var sent []*dynamicpb.Message
	names := sortedKeys(payloads)
	for i, name := range names {
		of := payloads[name]
		for seed := range values {
			draw := drawer{rand.New(rand.NewPCG(uint64(i), uint64(seed)))}
			m := dynamicpb.NewMessage(of.descriptor)
			for k, v := range of.params {
				draw.field(m, k+1, v.Type, 4*seed/values)
			}
			encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
			require.NoError(t, err)
			require.NoError(t, json.NewEncoder(&requests).Encode(map[string]any{"Protocol": name, "Payload": encoded}))
			sent = append(sent, m)
		}
	}
	cmd := exec.Command(program)
	cmd.Stdin, cmd.Stderr = &requests, os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	answers := json.NewDecoder(bytes.NewReader(out))
	long := 0
	for i, m := range sent {
		var a struct {
			Payload []byte
			Fault   string
		}
		require.NoError(t, answers.Decode(&a))
		name := names[i/values]
		require.Empty(t, a.Fault, "%s: %v", name, m)
		theirs, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		require.NoError(t, err)
		require.Equal(t, theirs, a.Payload, "%s: %v", name, m)
		back := dynamicpb.NewMessage(m.Descriptor())
		require.NoError(t, proto.Unmarshal(a.Payload, back))
		require.True(t, proto.Equal(m, back), "%s: %v and %v", name, m, back)
		if len(theirs) > 20 {
			long++
		}
	}
	t.Logf("%d payloads, %d values each; %d encodings of more than 20 bytes", len(payloads), values, long)
	require.Greater(t, long, len(sent)/10)
}

// alone gives the schema a protocol for each payload, and no others.
func alone(p *schema.Package, payloads []payload) {
	p.Automata, p.Calls, p.Protocols, p.Services = nil, nil, nil, nil
	for i, of := range payloads {
		message := func(label string, sender, first int) *check.Message {
			m := &check.Message{Decl: check.Decl{Name: label, File: p.Files[0]}, Sender: sender}
			m.Pos.Offset = first // which label is the first one
			for k, v := range of.params {
				m.Params = append(m.Params, &check.Var{Name: fmt.Sprintf("v%d", first+k), Type: v.Type, Depth: first + k})
			}
			return m
		}
		body := []check.Stmt{message("Put", 1, 0), message("Got", 0, len(of.params))}
		made := &check.Protocol{
			Decl: check.Decl{Name: fmt.Sprintf("Wire%d", i), File: p.Files[0]}, Roles: [2]string{"A", "B"}, Body: body,
		}
		p.Protocols = append(p.Protocols, made)
		p.Automata = append(p.Automata, automaton.Build(p.Schema.Package, made, p.Reporter()))
	}
}

// find is the protobuf message that is exported for a message of the schema.
func find(file protoreflect.FileDescriptor, m labelled) protoreflect.MessageDescriptor {
	holder := file.Messages().ByName(protoreflect.Name(m.holder))
	if holder == nil {
		return nil
	}
	if d := holder.Messages().ByName(protoreflect.Name(m.Label)); d != nil {
		return d
	}
	return holder.Messages().ByName(protoreflect.Name(m.Label + "In" + m.From.Name))
}

// labelled is a message, and the protobuf message that holds those of its protocol.
type labelled struct {
	*automaton.Message
	holder string
}

// messagesOf are the messages of a schema: of its protocols, and of its services, whose errors are the same in all.
func messagesOf(p *schema.Package) (all []labelled) {
	for _, a := range p.Automata {
		for _, place := range a.Places {
			for _, m := range place.Messages {
				all = append(all, labelled{m, a.Protocol.Name})
			}
		}
	}
	for _, a := range p.Calls {
		service, _, _ := strings.Cut(a.Protocol.Name, ".")
		for _, place := range a.Places {
			for _, m := range place.Messages {
				if !strings.HasSuffix(m.Label, "Error") {
					all = append(all, labelled{m, service + "Calls"})
				}
			}
		}
	}
	return all
}

// compiled is what protocompile makes of a file.
func compiled(t *testing.T, dir string, text []byte) protoreflect.FileDescriptor {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"a.proto": string(text)}),
	})}
	files, err := compiler.Compile(t.Context(), "a.proto")
	require.NoError(t, err, "%s:\n%s", dir, text)
	return files[0]
}

// shapeOf is a type with all that it is made of.
func shapeOf(t *check.Type, within []*check.Named) string {
	switch t.Kind {
	case check.List:
		return "[]" + shapeOf(t.Elem, within)
	case check.Optional:
		return "*" + shapeOf(t.Elem, within)
	case check.Map:
		return "map[" + t.Key.String() + "]" + shapeOf(t.Elem, within)
	}
	n := t.Named
	if n == nil || slices.Contains(within, n) {
		return t.String()
	}
	within = append(within, n)
	text := fmt.Sprint(n.Name, " ", n.Kind, n.Path, n.GoName, "{")
	for _, f := range n.Fields {
		text += fmt.Sprint(f.Number, shapeOf(f.Type, within), ";")
	}
	for _, m := range n.Members {
		text += fmt.Sprint(m.Number)
		if m.Struct != nil {
			text += shapeOf(&check.Type{Kind: check.Struct, Named: m.Struct}, within)
		}
		text += ";"
	}
	return text + "}"
}

// allSchemas are the valid schemas of the corpus and those of this tree, by a folder for each.
func allSchemas(t *testing.T) map[string]map[string][]byte {
	all := corpus(t)
	for _, file := range generatedFrom(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all[strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "../")] = map[string][]byte{filepath.Base(file): text}
	}
	return all
}

func parsed(sources map[string][]byte) *schema.Package {
	var files []string
	for name := range sources {
		if path.Ext(name) == ".sess" {
			files = append(files, name)
		}
	}
	return schema.Parse("", files, sources)
}

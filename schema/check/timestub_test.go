package check

import (
	"fmt"
	"go/build"
	"go/importer"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTimeStub keeps the stub of package time equal to the real one.
func TestTimeStub(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output() // a binary built with -trimpath does not know it
	require.NoError(t, err)
	build.Default.GOROOT = strings.TrimSpace(string(root))
	real, err := importer.ForCompiler(token.NewFileSet(), "source", nil).Import("time")
	require.NoError(t, err)
	want := stub(real)
	if os.Getenv("SESSGEN_UPDATE") != "" && want != timeSource {
		require.NoError(t, os.WriteFile("time.go.txt", []byte(want), 0o644))
		t.Fatal("time.go.txt was written anew: look at it and run again")
	}
	require.Equal(t, want, timeSource)
	require.Equal(t, want, stub(timePackage()))
}

// stub declares what the package exports, and the fields of its structs, which
// decide what can be compared.
func stub(p *types.Package) string {
	var b strings.Builder
	fmt.Fprintf(&b, "package %s\n", p.Name())
	local := types.RelativeTo(p)
	for _, name := range p.Scope().Names() {
		switch o := p.Scope().Lookup(name).(type) {
		case *types.Const:
			if o.Exported() {
				typ := strings.TrimPrefix(types.TypeString(o.Type(), local)+" ", "untyped string ")
				fmt.Fprintf(&b, "\nconst %s %s= %s\n", name, typ, o.Val().ExactString())
			}
		case *types.Var:
			if o.Exported() {
				fmt.Fprintf(&b, "\nvar %s %s\n", name, types.TypeString(o.Type(), local))
			}
		case *types.Func:
			if o.Exported() {
				fmt.Fprintf(&b, "\n%s\n", types.ObjectString(o, local))
			}
		case *types.TypeName:
			if o.Exported() {
				stubType(&b, o, local)
			}
		}
	}
	return b.String()
}

func stubType(b *strings.Builder, o *types.TypeName, local types.Qualifier) {
	under := types.TypeString(o.Type().Underlying(), local)
	if o.Name() != "Time" && strings.HasPrefix(under, "struct{") {
		under = "struct{ opaque [0]func() }" // its fields are nobody's business; it is used by pointer
	}
	fmt.Fprintf(b, "\ntype %s %s\n", o.Name(), under)
	named := o.Type().(*types.Named)
	for i := range named.NumMethods() {
		if m := named.Method(i); m.Exported() {
			receiver := types.TypeString(m.Signature().Recv().Type(), local)
			signature := strings.TrimPrefix(types.TypeString(m.Signature(), local), "func")
			fmt.Fprintf(b, "\nfunc (r %s) %s%s\n", receiver, m.Name(), signature)
		}
	}
}

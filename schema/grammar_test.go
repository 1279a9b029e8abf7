package schema_test

import (
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

// TestGrammar has the grammar of spec.md read the valid schemas: what the parser takes, the grammar must.
// What it leaves to Go (expressions, the types of constants) is any run of tokens with paired brackets.
func TestGrammar(t *testing.T) {
	g := readGrammar(t)
	paths, err := filepath.Glob("testdata/valid/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		require.NoError(t, err)
		for _, f := range archive.Files {
			if filepath.Ext(f.Name) == ".sess" {
				r := &recogniser{grammar: g, words: tokens(f.Data), known: map[string][]int{}}
				require.Contains(t, r.rule("File", 0), len(r.words), "%s %s: the grammar gets to token %d", path, f.Name, r.furthest)
			}
		}
	}
	for _, wrong := range []string{
		"protocol P(A, B) { A -> B: M() }\n", "package a\nprotocol P(A, B) { A - B: M() }\n", "package a\nprotocol P(A, B) { choice at A }\n",
		"package a\nprotocol P(A, B) { A -> B: M(n) }\n", "package a\nprotocol P(A, B) { A -> B: M() as N where true }\n",
	} {
		r := &recogniser{grammar: g, words: tokens([]byte(wrong)), known: map[string][]int{}}
		require.NotContains(t, r.rule("File", 0), len(r.words), wrong)
	}
}

// readGrammar is the grammar of the reference: the right sides, in tokens, by what they define.
func readGrammar(t *testing.T) map[string][]string {
	text, err := os.ReadFile("spec.md")
	require.NoError(t, err)
	_, block, _ := strings.Cut(string(text), "```ebnf\n")
	block, _, _ = strings.Cut(block, "```")
	token := regexp.MustCompile(`"[^"]*"|\w+|[][(){}|=.]`)
	g := map[string][]string{}
	words := token.FindAllString(block, -1)
	for len(words) > 0 {
		end := slices.Index(words, ".")
		require.Equal(t, "=", words[1])
		g[words[0]], words = words[2:end], words[end+1:]
	}
	return g
}

// tokens are those of a schema (S1.2 to S1.4), a duration and an arrow being one each.
func tokens(source []byte) (words []string) {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, 0)
	end := token.NoPos
	for {
		pos, tok, lit := s.Scan()
		text := lit
		switch {
		case tok == token.EOF:
			return words
		case tok == token.SEMICOLON:
			text = ";"
		case tok.IsOperator():
			text = tok.String()
		}
		n := len(words)
		switch joined := n > 0 && pos == end; {
		case joined && text == ">" && words[n-1] == "-", joined && tok == token.IDENT && words[n-1][0] >= '0' && words[n-1][0] <= '9',
			joined && tok == token.INT && regexp.MustCompile(`^\d+[a-zµ]+$`).MatchString(words[n-1]):
			words[n-1] += text
		case n > 0 && words[n-1] == ";" && slices.Contains([]string{"where", "within", "as", "requires", "ensures", "idempotent", "or", "else"}, text):
			words[n-1] = text
		default:
			words = append(words, text)
		}
		end = pos + token.Pos(len(text))
	}
}

// recogniser finds where what a rule describes may end.
type recogniser struct {
	grammar  map[string][]string
	words    []string
	known    map[string][]int
	furthest int
}

// rule gives the places where a rule that begins at a place may end.
func (r *recogniser) rule(name string, at int) []int {
	key := name + " " + string(rune(at))
	if ends, ok := r.known[key]; ok {
		return ends
	}
	ends := r.either(r.grammar[name], []int{at})
	r.known[key] = ends
	r.furthest = max(r.furthest, slices.Max(append(ends, at)))
	return ends
}

// either follows the alternatives of a right side from each of the places.
func (r *recogniser) either(side []string, from []int) (ends []int) {
	for len(side) > 0 {
		at := from
		for len(side) > 0 && side[0] != "|" {
			n := 1
			switch close := map[string]string{"{": "}", "[": "]", "(": ")"}[side[0]]; {
			case close != "":
				for depth := 1; depth > 0; n++ {
					depth += map[string]int{side[0]: 1, close: -1}[side[n]]
				}
				at = r.group(side[0], side[1:n-1], at)
			default:
				at = r.each(side[0], at)
			}
			side = side[n:]
		}
		ends = union(ends, at)
		if len(side) > 0 {
			side = side[1:]
		}
	}
	return ends
}

func (r *recogniser) group(open string, side []string, from []int) []int {
	switch open {
	case "(":
		return r.either(side, from)
	case "[":
		return union(from, r.either(side, from))
	}
	ends := from
	for next := from; len(next) > 0; {
		next = slices.DeleteFunc(r.either(side, next), func(at int) bool { return slices.Contains(ends, at) })
		ends = union(ends, next)
	}
	return ends
}

func union(a, b []int) []int {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// each follows one symbol from each of the places.
func (r *recogniser) each(symbol string, from []int) (ends []int) {
	for _, at := range from {
		switch {
		case r.grammar[symbol] != nil:
			ends = union(ends, r.rule(symbol, at))
		case symbol == "Expression" || symbol == "Type":
			ends = union(ends, r.balanced(at))
		case at < len(r.words) && fits(symbol, r.words[at]):
			ends = union(ends, []int{at + 1})
		case symbol == `";"` && (at == len(r.words) || r.words[at] == ")" || r.words[at] == "}"):
			ends = union(ends, []int{at})
		}
	}
	return ends
}

// balanced are the ends of the runs of tokens from a place that hold no half of a pair of brackets.
func (r *recogniser) balanced(at int) (ends []int) {
	depth := 0
	for ; at < len(r.words) && (depth > 0 || r.words[at] != ";"); at++ {
		switch r.words[at] {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		}
		if depth < 0 {
			break
		}
		if depth == 0 {
			ends = append(ends, at+1)
		}
	}
	return ends
}

func fits(symbol, word string) bool {
	switch symbol {
	case "identifier":
		return token.IsIdentifier(word)
	case "string_lit":
		return word[0] == '"' || word[0] == '`'
	case "int_lit":
		return regexp.MustCompile(`^\d+$`).MatchString(word)
	case "Duration":
		return regexp.MustCompile(`^[\d.]+[a-zµ]`).MatchString(word)
	}
	return symbol == `"`+word+`"`
}

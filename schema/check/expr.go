package check

import (
	"bytes"
	"errors"
	"fmt"
	goast "go/ast"
	"go/printer"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// exprScope is what an expression sees: the package's constants and types, the
// imports of its file, time, and variables.
type exprScope struct {
	c    *checker
	file *ast.File
	pkg  *types.Package // its scope has of all that the names that expressions have mentioned
	vars []*Var
	// objects are the variables as go/types knows them; imports likewise.
	objects map[types.Object]*Var
	imports map[types.Object]*Import
	lost    bool                 // there may be names that could not be read
	bound   map[string]token.Pos // where the protocol binds its variables, visible or not
	wants   int                  // how many types have got a name in pkg
}

func (c *checker) scope(f *ast.File, vars []*Var) *exprScope {
	return &exprScope{
		c: c, file: f, vars: vars,
		pkg:     types.NewPackage(c.schema.Package, c.schema.Package),
		objects: map[types.Object]*Var{},
		imports: map[types.Object]*Import{},
	}
}

// mention puts what name means into the package's scope.
func (sc *exprScope) mention(name string) {
	s := sc.pkg.Scope()
	if s.Lookup(name) != nil {
		return
	}
	for _, v := range slices.Backward(sc.vars) {
		if v.Name == name {
			o := types.NewVar(token.NoPos, sc.pkg, name, v.Type.Go)
			s.Insert(o)
			sc.objects[o] = v
			return
		}
	}
	if o := sc.c.schema.Go.Scope().Lookup(name); o != nil {
		s.Insert(o)
		return
	}
	if name == "time" {
		s.Insert(types.NewPkgName(token.NoPos, sc.pkg, name, sc.c.packages["time"]))
		return
	}
	for _, im := range sc.imported() {
		if im.Name == name {
			o := types.NewPkgName(token.NoPos, sc.pkg, name, im.pkg)
			s.Insert(o)
			sc.imports[o] = im
			return
		}
	}
}

// imported are the imports of the file that could be read.
func (sc *exprScope) imported() (found []*Import) {
	for _, im := range sc.c.schema.Imports {
		if im.File == sc.file.Name && im.pkg != nil {
			found = append(found, im)
		}
	}
	return found
}

// check has go/types check a tree, and reports its first error at its place.
func (sc *exprScope) check(e *ast.Expr, tree goast.Expr, code diag.Code) (*types.Info, bool) {
	info := &types.Info{
		Types:      map[goast.Expr]types.TypeAndValue{},
		Uses:       map[*goast.Ident]types.Object{},
		Selections: map[*goast.SelectorExpr]*types.Selection{},
	}
	goast.Inspect(tree, func(n goast.Node) bool {
		if id, ok := n.(*goast.Ident); ok {
			sc.mention(id.Name)
		}
		return true
	})
	err := types.CheckExpr(sc.c.fset, sc.pkg, token.NoPos, tree, info)
	if err == nil {
		return info, !mentionsUnresolved(info)
	}
	from, to, message := e.Pos(), e.End(), err.Error()
	var te types.Error
	if errors.As(err, &te) {
		message = te.Msg
		if e.Pos() <= te.Pos && te.Pos < e.End() {
			from, to = te.Pos, min(nodeEnd(e.Tree, te.Pos), e.End())
		}
	}
	undefined, isUndefined := strings.CutPrefix(message, "undefined: ")
	near := "" // what go/types thinks was meant
	switch {
	case isUndefined && (sc.lost || sc.c.partial || sc.c.lost[undefined] || sc.c.lost[""]):
		return info, false
	case sc.c.partial && strings.Contains(message, "has no field or method"):
		return info, false
	case isUndefined:
		code = diag.Unknown
		undefined, near, _ = strings.Cut(strings.TrimSuffix(undefined, ")"), " (but have ")
		message = "unknown name " + undefined
	}
	d := sc.c.reportSpan(code, from, to, "%s", plainWords(message))
	switch {
	case near != "":
		d.Suggestion = "did you mean " + near + "?"
	case isUndefined:
		suggest(d, undefined, sc.candidates())
		if d.Suggestion == "" && e.Pos() <= te.Pos {
			d.Suggestion = sc.missing(undefined, sc.file.Source[sc.file.File.Offset(to):])
		}
		if at := sc.bound[undefined]; at > e.Pos() {
			d.Relate(at, "it is bound later, here")
		} else if at.IsValid() {
			d.Relate(at, "it is bound here, and visible only to the end of that block")
		}
	case strings.Contains(message, "untyped bool") && chained(tree):
		d.Suggestion = "comparisons are joined with &&, as in a < b && b < c"
	case strings.Contains(message, "mismatched types") && numbers(message):
		d.Suggestion = "convert one of them, as in int64(n)"
	case strings.Contains(message, "has no field or method"):
		d.Suggestion = sc.member(tree, from)
	}
	return info, false
}

// missing says what an unknown name may have been meant for, by what stands behind it.
func (sc *exprScope) missing(name string, behind []byte) string {
	switch {
	case bytes.HasPrefix(behind, []byte(".")):
		return "is an import missing?"
	case bytes.HasPrefix(behind, []byte("(")):
		return "functions are those of imports, as in strings.HasPrefix(s, \"a\"), and Go's builtins"
	}
	for _, n := range sc.c.schema.Types {
		isMember := func(m *Member) bool { return m.Name == name }
		if n.Kind == Enum && slices.ContainsFunc(n.Members, isMember) {
			return "did you mean " + n.Name + name + "?"
		}
	}
	return ""
}

// chained reports whether a comparison compares another one, as in a < b < c.
func chained(tree goast.Expr) (found bool) {
	comparison := func(n goast.Node) *goast.BinaryExpr {
		if b, ok := n.(*goast.BinaryExpr); ok && slices.Contains([]token.Token{token.LSS, token.LEQ, token.GTR, token.GEQ}, b.Op) {
			return b
		}
		return nil
	}
	goast.Inspect(tree, func(n goast.Node) bool {
		if b := comparison(n); b != nil && comparison(b.X) != nil {
			found = true
		}
		return !found
	})
	return found
}

// mentionsUnresolved reports whether a variable or constant in an expression has no type, which has been reported.
func mentionsUnresolved(info *types.Info) bool {
	for _, o := range info.Uses {
		switch o.(type) {
		case *types.Var, *types.Const:
			if o.Type() == types.Typ[types.Invalid] {
				return true
			}
		}
	}
	return false
}

// candidates are the names that an expression may have meant.
func (sc *exprScope) candidates() []string {
	names := append(sc.c.schema.Go.Scope().Names(), "time")
	for _, v := range sc.vars {
		names = append(names, v.Name)
	}
	for _, im := range sc.imported() {
		names = append(names, im.Name)
	}
	slices.Sort(names)
	return append(slices.Compact(names), "len", "min", "max", "true", "false")
}

// nodeEnd is the end of the smallest node that begins at pos.
func nodeEnd(tree goast.Expr, pos token.Pos) token.Pos {
	end := pos + 1
	goast.Inspect(tree, func(n goast.Node) bool {
		if n != nil && n.Pos() == pos {
			end = n.End()
		}
		return n != nil
	})
	return end
}

// plainWords takes out what go/types says about the places that we invented.
func plainWords(message string) string {
	if strings.HasPrefix(message, "cannot use iota") {
		return "iota counts nothing here: an enum numbers its members"
	}
	for _, tail := range []string{" in return statement", " in variable declaration", " in constant declaration"} {
		message = strings.Replace(message, tail, "", 1)
	}
	return wantName.ReplaceAllString(ownType.ReplaceAllString(message, "type $1$2"), "that type")
}

// ownType is how go/types says a type of the schema.
var ownType = regexp.MustCompile(`\btype (\*?)[a-z0-9]+\.([A-Z])`)

// wantName is how the type that a value must have is known to go/types. No schema can spell it.
var wantName = regexp.MustCompile(`·want[0-9]+`)

// assign checks that the expression is a value of type want, as if it were returned by a function.
func (sc *exprScope) assign(e *ast.Expr, want types.Type, code diag.Code) (*types.Info, bool) {
	sc.wants++
	name := fmt.Sprintf("·want%d", sc.wants)
	sc.pkg.Scope().Insert(types.NewTypeName(token.NoPos, sc.pkg, name, want))
	at := e.Pos()
	literal := &goast.FuncLit{
		Type: &goast.FuncType{
			Func:    at,
			Params:  &goast.FieldList{},
			Results: &goast.FieldList{List: []*goast.Field{{Type: &goast.Ident{NamePos: at, Name: name}}}},
		},
		Body: &goast.BlockStmt{
			Lbrace: at, Rbrace: e.End(),
			List: []goast.Stmt{&goast.ReturnStmt{Return: at, Results: []goast.Expr{e.Tree}}},
		},
	}
	return sc.check(e, literal, code)
}

// condition checks a predicate.
func (sc *exprScope) condition(e *ast.Expr) *Expr {
	if broken(e.Tree) || !sc.c.allowed(e) {
		return nil
	}
	info, ok := sc.checkParts(e, e.Tree)
	if !ok {
		return nil
	}
	t := info.TypeOf(e.Tree)
	if b, basic := t.Underlying().(*types.Basic); !basic || b.Info()&types.IsBoolean == 0 {
		sc.c.report(diag.BadPredicate, e, "a condition is true or false, and this is of type %s", typeName(t))
		return nil
	}
	return sc.made(e, info)
}

// checkParts checks a tree and, if something is wrong, what && and || join in it: go/types stops at
// the first error, and each part may have its own.
func (sc *exprScope) checkParts(e *ast.Expr, tree goast.Expr) (*types.Info, bool) {
	info, ok := sc.check(e, tree, diag.BadPredicate)
	if ok {
		return info, true
	}
	if all := parts(tree); len(all) > 1 {
		for _, part := range all {
			sc.check(e, part, diag.BadPredicate) // what was reported of the whole counts once
		}
	}
	return nil, false
}

// parts are what && and || join in a tree.
func parts(tree goast.Expr) []goast.Expr {
	switch n := tree.(type) {
	case *goast.ParenExpr:
		return parts(n.X)
	case *goast.BinaryExpr:
		if n.Op == token.LAND || n.Op == token.LOR {
			return append(parts(n.X), parts(n.Y)...)
		}
	}
	return []goast.Expr{tree}
}

// value checks an initialiser or an argument for a variable.
func (sc *exprScope) value(e *ast.Expr, want *Type) *Expr {
	if broken(e.Tree) || !sc.c.allowed(e) || want == nil || want.Kind == Invalid {
		return nil
	}
	info, ok := sc.assign(e, want.Go, diag.BadValue)
	if !ok {
		return nil
	}
	made := sc.made(e, info)
	sc.c.noFloats(e, info)
	return made
}

// made is the checked expression.
func (sc *exprScope) made(e *ast.Expr, info *types.Info) *Expr {
	made := &Expr{Text: oneLine(e), Tree: e.Tree, Info: info, Pos: sc.c.position(e.Pos()), MayPanic: mayPanic(e.Tree, info)}
	used := map[*Var]bool{}
	goast.Inspect(e.Tree, func(n goast.Node) bool {
		id, ok := n.(*goast.Ident)
		if !ok {
			return true
		}
		o := info.Uses[id]
		if v := sc.objects[o]; v != nil {
			used[v] = true
		}
		if p, isImport := o.(*types.PkgName); isImport {
			im := sc.imports[o]
			if im == nil {
				im = &Import{Path: p.Imported().Path(), pkg: p.Imported()}
				im.Name = p.Name()
			}
			if !slices.ContainsFunc(made.Imports, func(i *Import) bool { return i.Path == im.Path && i.Name == im.Name }) {
				made.Imports = append(made.Imports, im)
			}
		}
		return true
	})
	for _, v := range sc.vars {
		if used[v] {
			made.Vars = append(made.Vars, v)
		}
	}
	sc.c.comparisons(e, info)
	sc.c.sameAtBothEnds(e, info)
	sc.c.captures(e, info)
	return made
}

// oneLine is the text of an expression as it stands, or as gofmt would write it if it has several lines.
func oneLine(e *ast.Expr) string {
	if !strings.Contains(e.Text, "\n") {
		return e.Text
	}
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), e.Tree); err != nil {
		return e.Text
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// typeName is a type in the words of the schema.
func typeName(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p.Path() == "time" {
			return "time"
		}
		return ""
	})
}

package check

import (
	_ "embed"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"sync"
)

// timeSource declares what package time exports, without bodies: checking a
// schema that uses time needs no go command. A test keeps it equal to the real package.
//
//go:embed time.go.txt
var timeSource string

// timePackage is package time as go/types sees it.
var timePackage = sync.OnceValue(func() *types.Package {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "time.go", timeSource, parser.SkipObjectResolution)
	if err != nil {
		panic(err) // it is ours, and tested
	}
	config := types.Config{IgnoreFuncBodies: true, Sizes: sizes}
	p, err := config.Check("time", fset, []*ast.File{file}, nil)
	if err != nil {
		panic(err)
	}
	return p
})

// sizes are those of 64-bit platforms.
var sizes = types.SizesFor("gc", "amd64")

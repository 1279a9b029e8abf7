package check

import (
	goast "go/ast"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// service checks a service: each rpc, and that their names differ.
func (c *checker) service(s *serviceSource) {
	if len(s.decl.RPCs) == 0 && !s.decl.Partial {
		c.report(diag.EmptyType, s.decl.Name, "service %s has no rpc", s.decl.Name.Name)
	}
	seen := map[string]*ast.Ident{}
	for _, d := range s.decl.RPCs {
		c.wellFormed(d.Name, "rpc", false, true)
		if before, taken := seen[d.Name.Name]; taken {
			c.report(diag.Repeated, d.Name, "rpc %s is declared twice", d.Name.Name).Relate(before.Pos(), "the first is here")
			continue
		}
		seen[d.Name.Name] = d.Name
		s.made.RPCs = append(s.made.RPCs, c.rpc(s, d))
	}
}

// rpc checks one rpc, and makes the protocol behind it.
func (c *checker) rpc(s *serviceSource, d *ast.RPC) *RPC {
	r := &RPC{Decl: c.decl(d.Name, d.Doc, s.file), StreamRequest: d.StreamRequest, StreamReply: d.StreamReply}
	w := &walker{c: c, source: &protocolSource{file: s.file}}
	var all scope
	r.Request = w.params(d.Request, &all)
	asked := all
	r.Reply = w.params(d.Reply, &all)
	if r.StreamRequest { // whose items are not visible when the reply comes
		for _, v := range r.Reply {
			v.Depth -= len(asked.vars)
		}
	}
	c.streamed(d.Name, r.StreamRequest, d.Request, "request")
	c.streamed(d.Name, r.StreamReply, d.Reply, "reply")
	for _, clause := range d.Clauses {
		switch clause.Keyword {
		case "requires":
			if !c.absent(clause.Expr, d.Reply, diag.RequiresReply, "is of the reply, which there is not yet when requires is judged") {
				r.Requires = w.scope(asked).condition(clause.Expr)
			}
		case "ensures":
			if !r.StreamRequest {
				r.Ensures = w.scope(all).condition(clause.Expr)
			} else if !c.absent(clause.Expr, d.Request, diag.StreamParam, "is each item of the request in turn, and none when ensures is judged") {
				r.Ensures = w.scope(scope{vars: all.vars[len(asked.vars):]}).condition(clause.Expr)
			}
		case "within":
			r.Within = w.within(clause.Expr, all)
		case "idempotent":
			r.Idempotent = true
		}
	}
	r.Protocol = r.protocol(s.made)
	return r
}

// streamed checks that a stream is of one thing.
func (c *checker) streamed(rpc *ast.Ident, stream bool, params []*ast.Param, what string) {
	n := 0
	for _, p := range params {
		n += len(p.Names)
	}
	if !stream || n == 1 {
		return
	}
	at := ast.Node(rpc)
	if len(params) > 0 {
		at = ast.Span{From: params[0].Pos(), To: params[len(params)-1].End()}
	}
	c.report(diag.StreamParam, at, "the %s of %s is a stream of one parameter's values, and it has %s", what, rpc.Name, count(n, "parameter"))
}

// absent reports that an expression uses a parameter that is not there when it is judged.
func (c *checker) absent(e *ast.Expr, params []*ast.Param, code diag.Code, why string) bool {
	found := false
	goast.Inspect(e.Tree, func(n goast.Node) bool {
		id, isIdent := n.(*goast.Ident)
		for _, p := range params {
			for _, name := range p.Names {
				if isIdent && !found && id.Name == name.Name {
					found = true
					c.reportSpan(code, id.Pos(), id.End(), "%s %s", id.Name, why).Relate(name.Pos(), "it is declared here")
				}
			}
		}
		return true
	})
	return found
}

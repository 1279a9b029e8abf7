package check

import "go/types"

// protocol is what a call of the rpc is on the wire: a session of its own.
//
//	M(request) where requires; choice { MReply(reply) where ensures } or { MError(status) }
//
// A stream takes the place of the one message: a run of MItem, ended by MSent for
// requests, and by MDone or MError for replies.
func (r *RPC) protocol(s *Service) *Protocol {
	b := rpcBody{r}
	p := &Protocol{Decl: r.Decl, Roles: [2]string{"Client", "Server"}}
	p.Name = s.Name + "." + r.Name
	if r.StreamRequest {
		requests := &Rec{Decl: b.named("Requests")}
		requests.Body = []Stmt{b.choice(0,
			[]Stmt{b.message(0, "Item", r.Request, r.Requires), b.again(requests)},
			[]Stmt{b.message(0, "Sent", nil, nil)},
		)}
		p.Body = append(p.Body, requests)
	} else {
		p.Body = append(p.Body, b.message(0, "", r.Request, r.Requires))
	}
	failed := []Stmt{b.message(1, "Error", []*Var{{Name: "status", Type: statusType, Pos: r.Pos, Depth: b.visible()}}, nil)}
	if r.StreamReply {
		replies := &Rec{Decl: b.named("Replies")}
		replies.Body = []Stmt{b.choice(1,
			[]Stmt{b.message(1, "Item", r.Reply, r.Ensures), b.again(replies)},
			[]Stmt{b.message(1, "Done", nil, nil)},
			failed,
		)}
		p.Body = append(p.Body, replies)
	} else {
		p.Body = append(p.Body, b.choice(1, []Stmt{b.message(1, "Reply", r.Reply, r.Ensures)}, failed))
	}
	return p
}

// rpcBody makes the statements of an rpc's protocol. All stand where the rpc does.
type rpcBody struct{ rpc *RPC }

func (b rpcBody) named(name string) Decl {
	d := b.rpc.Decl
	d.Name, d.Doc = name, ""
	return d
}

// visible is how many variables are visible behind the request.
func (b rpcBody) visible() int {
	if b.rpc.StreamRequest {
		return 0
	}
	return len(b.rpc.Request)
}

func (b rpcBody) message(sender int, suffix string, params []*Var, where *Expr) *Message {
	return &Message{Decl: b.named(b.rpc.Name + suffix), Sender: sender, Params: params, Where: where, LabelPos: b.rpc.Pos}
}

func (b rpcBody) choice(chooser int, branches ...[]Stmt) *Choice {
	return &Choice{Chooser: chooser, Branches: branches, Pos: b.rpc.Pos}
}

func (b rpcBody) again(rec *Rec) *Continue { return &Continue{Rec: rec, Pos: b.rpc.Pos} }

// statusType is the payload of MError: why a call failed. Its bytes are those of google.rpc.Status.
var statusType = builtinStruct("Status",
	&Field{Decl: Decl{Name: "Code"}, Type: &Type{Kind: Int32, Go: types.Typ[types.Int32]}},
	&Field{Decl: Decl{Name: "Message"}, Type: &Type{Kind: String, Go: types.Typ[types.String]}},
	&Field{Decl: Decl{Name: "Details"}, Type: listOf(builtinStruct("Detail",
		&Field{Decl: Decl{Name: "TypeURL"}, Type: &Type{Kind: String, Go: types.Typ[types.String]}},
		&Field{Decl: Decl{Name: "Value"}, Type: &Type{Kind: Bytes, Go: types.NewSlice(types.Typ[types.Byte])}},
	))},
)

func builtinStruct(name string, fields ...*Field) *Type {
	var vars []*types.Var
	for i, f := range fields {
		f.Number = i + 1
		vars = append(vars, types.NewField(0, nil, f.Name, f.Type.Go, false))
	}
	n := &Named{Decl: Decl{Name: name}, Kind: Struct, Fields: fields}
	n.goType = types.NewNamed(types.NewTypeName(0, nil, name, nil), types.NewStruct(vars, nil), nil)
	return &Type{Kind: Struct, Named: n, Go: n.goType}
}

func listOf(elem *Type) *Type {
	return &Type{Kind: List, Elem: elem, Go: types.NewSlice(elem.Go)}
}

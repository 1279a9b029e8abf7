package automaton

import (
	"slices"

	"github.com/sessgen/sessgen/schema/check"
	"github.com/sessgen/sessgen/schema/diag"
)

// MaxPlaces bounds the places of an automaton: a few lines of protocols that run each other with `do` could
// make any number.
const MaxPlaces = 10_000

// Build builds the automaton of a protocol that checked without an error. Faults of the names of its places are
// added to report.
func Build(pkg string, p *check.Protocol, report diag.Reporter) *Automaton {
	b := &builder{end: &Place{Kind: Final, Name: "End"}}
	a := &Automaton{Protocol: p, Name: pkg + "." + p.Name}
	root := newFrame(p)
	a.Enter = b.target(&sequence{stmts: p.Body, frame: root, naming: naming{kind: atStart, frame: root}})
	if len(b.places) > MaxPlaces {
		tooMany(p, report)
		a.Places = []*Place{b.end}
		return a
	}
	a.Places = arrange(b.places, b.end)
	name(a, b.states, report)
	live(a)
	deferrals(a)
	number(a)
	a.Fingerprint = fingerprint(a)
	return a
}

// frame is one use of a protocol: the outermost one, or a `do`.
type frame struct {
	protocol *check.Protocol
	swapped  bool
	prefix   string // of the names of its places, behind that of the protocol and role
	depth    int    // how many variables are visible around it
	// around is the frame of the do, and behind what follows it there.
	around *frame
	behind *sequence
	at     *check.Do
	recs   map[*check.Rec]*sequence // their bodies
	places map[check.Stmt]*Place    // by the statement that they are at
	inner  map[*check.Do]*frame
}

func newFrame(p *check.Protocol) *frame {
	return &frame{
		protocol: p, recs: map[*check.Rec]*sequence{}, places: map[check.Stmt]*Place{}, inner: map[*check.Do]*frame{},
	}
}

// role turns a role of the frame's protocol into one of the automaton's.
func (f *frame) role(r int) int {
	if f.swapped {
		return 1 - r
	}
	return r
}

// sequence is statements, and what follows them.
type sequence struct {
	stmts []check.Stmt
	frame *frame
	// next follows; nil at the end of a protocol's body.
	next *sequence
	// naming says how the place is called that the first statement makes.
	naming naming
}

// builder makes the places of one automaton.
type builder struct {
	end    *Place
	places []*Place
	states []stated
}

// target is where a run stands before the sequence.
func (b *builder) target(s *sequence) Target {
	var lets []Let
	var heads []heading
	var names []stated
	reached := func(p *Place) Target {
		for _, s := range names {
			s.place = p
			b.states = append(b.states, s)
		}
		return Target{p, lets}
	}
	n := s.naming
	for {
		if len(s.stmts) == 0 {
			if s = s.leave(); s == nil {
				return reached(b.end)
			}
			n = s.naming
			continue
		}
		f := s.frame
		switch st := s.stmts[0].(type) {
		case *check.Rec:
			body, entered := f.recs[st]
			if !entered {
				body = &sequence{stmts: st.Body, frame: f, next: s.rest(behindBlock, nil)}
				f.recs[st] = body
			}
			lets = append(lets, letsOf(f, st.Vars, st.Init)...)
			heads = append(heads, heading{f, st})
			s = body
			n = s.naming
		case *check.Continue:
			lets = append(lets, letsOf(f, st.Rec.Vars, st.Args)...)
			s = f.recs[st.Rec]
			heads = append(heads, heading{f, st.Rec})
			n = s.naming
		case *check.End:
			if s = f.behind; s == nil {
				return reached(b.end)
			}
			n = s.naming
		case *check.Do:
			s = f.enter(st, s, n)
		case *check.State:
			if n.frame == nil || n.frame == f { // else the protocol that does this one names the place
				names = append(names, stated{state: st, frame: f})
				n.state = st
			}
			s = s.rest(n.kind, nil)
		default:
			return reached(b.place(s, n, heads))
		}
	}
}

// heading is a rec at whose head a run stands.
type heading struct {
	frame *frame
	rec   *check.Rec
}

func letsOf(f *frame, vars []*check.Var, exprs []*check.Expr) []Let {
	if len(vars) == 0 {
		return nil
	}
	return []Let{{vars, exprs, f}}
}

// rest is what follows the first statement.
func (s *sequence) rest(kind namingKind, behind *Message) *sequence {
	return &sequence{
		stmts: s.stmts[1:], frame: s.frame, next: s.next,
		naming: naming{kind: kind, frame: s.frame, behind: behind},
	}
}

// leave is what follows an empty sequence; nil at the end of everything.
func (s *sequence) leave() *sequence {
	if s.next != nil {
		return s.next
	}
	return s.frame.behind
}

// enter begins the protocol that a do runs.
func (f *frame) enter(d *check.Do, s *sequence, n naming) *sequence {
	in := f.inner[d]
	if in == nil {
		name := d.As
		if name == "" {
			name = d.Protocol.Name
		}
		in = newFrame(d.Protocol)
		in.swapped, in.prefix, in.depth = f.swapped != d.Swapped, f.prefix+name, f.depth+d.Depth
		in.around, in.at, in.behind = f, d, s.rest(behindBlock, nil)
		f.inner[d] = in
	}
	return &sequence{stmts: d.Protocol.Body, frame: in, naming: n}
}

// place makes the place at the first statement, once.
func (b *builder) place(s *sequence, n naming, heads []heading) *Place {
	st := s.stmts[0]
	p := s.frame.places[st]
	if p == nil && len(b.places) > MaxPlaces {
		return b.end
	}
	if p == nil {
		p = &Place{frame: s.frame, naming: n, first: firstLabel(s)}
		s.frame.places[st] = p
		b.places = append(b.places, p)
		p.head(heads)
		b.fill(p, s)
		return p
	}
	p.head(heads)
	return p
}

// head notes that the place is at the heads of recs.
func (p *Place) head(heads []heading) {
	for _, h := range heads {
		if !slices.ContainsFunc(p.heads, func(k heading) bool { return k == h }) {
			p.heads = append(p.heads, h)
		}
	}
}

func (b *builder) fill(p *Place, s *sequence) {
	switch st := s.stmts[0].(type) {
	case *check.Message:
		p.Kind, p.Pos = Communication, st.Pos
		p.Sender = s.frame.role(st.Sender)
		b.message(p, s)
	case *check.Choice:
		p.Kind, p.Pos = Communication, st.Pos
		p.Sender = s.frame.role(st.Chooser)
		after := s.rest(behindBlock, nil)
		for _, branch := range st.Branches {
			b.branch(p, &sequence{stmts: branch, frame: s.frame, next: after})
		}
	case *check.If:
		p.Kind, p.Pos, p.Cond = Conditional, st.Pos, st.Cond
		after := s.rest(behindBlock, nil)
		side := func(stmts []check.Stmt, kind namingKind) Target {
			return b.target(&sequence{stmts: stmts, frame: s.frame, next: after, naming: naming{kind: kind, frame: s.frame, of: p}})
		}
		p.Then, p.Else = side(st.Then, ifTrue), side(st.Else, ifFalse)
	}
}

// branch adds the message that a branch begins with, which may stand in a protocol that the branch does.
func (b *builder) branch(p *Place, s *sequence) {
	for {
		switch st := s.stmts[0].(type) {
		case *check.Do:
			s = s.frame.enter(st, s, naming{})
		case *check.State: // of the protocol that the branch does
			s = s.rest(behindBlock, nil)
		default:
			b.message(p, s)
			return
		}
	}
}

func (b *builder) message(p *Place, s *sequence) {
	st := s.stmts[0].(*check.Message)
	m := &Message{
		Source: st, Label: st.Name, Sender: s.frame.role(st.Sender), Params: st.Params, Where: st.Where, From: p,
		frame: s.frame,
	}
	p.Messages = append(p.Messages, m)
	m.Target = b.target(s.rest(behindMessage, m))
}

// firstLabel is the first label in source order from the beginning of the sequence.
func firstLabel(s *sequence) string {
	for _, st := range s.stmts {
		if label := labelIn(st); label != "" {
			return label
		}
	}
	if next := s.leave(); next != nil {
		return firstLabel(next)
	}
	return ""
}

func labelIn(st check.Stmt) string {
	within := func(stmts []check.Stmt) string {
		for _, st := range stmts {
			if label := labelIn(st); label != "" {
				return label
			}
		}
		return ""
	}
	switch st := st.(type) {
	case *check.Message:
		return st.Name
	case *check.Choice:
		for _, b := range st.Branches {
			if label := within(b); label != "" {
				return label
			}
		}
	case *check.Rec:
		return within(st.Body)
	case *check.If:
		if label := within(st.Then); label != "" {
			return label
		}
		return within(st.Else)
	case *check.Do:
		return within(st.Protocol.Body)
	}
	return ""
}

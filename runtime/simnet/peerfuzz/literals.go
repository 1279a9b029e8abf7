package peerfuzz

import (
	"go/scanner"
	"go/token"
	"strconv"

	"github.com/sessgen/sessgen/runtime/session"
)

// literals are the numbers and texts that stand in the predicates and conditions of a
// protocol, or of several: what a value is compared with.
type literals struct {
	ints  []int64
	texts []string
}

func literalsOf(protocols ...*session.Protocol) (l literals) {
	for _, p := range protocols {
		for _, m := range p.Messages {
			l.scan(m.Where)
		}
		for _, s := range p.States {
			l.scan(s.If)
		}
	}
	return l
}

func (l *literals) scan(expression string) {
	var s scanner.Scanner
	source := []byte(expression)
	file := token.NewFileSet().AddFile("", -1, len(source))
	s.Init(file, source, nil, 0)
	shifted := int64(0) // what stands before <<
	for {
		_, tok, text := s.Scan()
		switch tok {
		case token.EOF:
			return
		case token.INT:
			v, err := strconv.ParseInt(text, 0, 64)
			if err != nil {
				continue
			}
			if shifted != 0 && 0 <= v && v < 63 {
				v = shifted << v
			}
			shifted = 0
			l.ints = append(l.ints, v)
		case token.SHL:
			if n := len(l.ints); n > 0 {
				shifted = l.ints[n-1]
			}
		case token.CHAR:
			if r, _, _, err := strconv.UnquoteChar(text[1:], '\''); err == nil {
				l.texts = append(l.texts, string(r))
			}
		case token.STRING:
			if t, err := strconv.Unquote(text); err == nil {
				l.texts = append(l.texts, t)
				l.ints = append(l.ints, int64(len(t)))
			}
		}
	}
}

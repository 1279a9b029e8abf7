package peerfuzz

import (
	"bytes"
	"runtime"
)

// goroutines says which belong to a bubble. Their traces do: how many the process has may be one too many for a moment, while one of an
// earlier bubble ends.
type goroutines struct {
	own []byte // what marks those of the bubble in a trace
}

// countGoroutines is called in the bubble's first goroutine.
func countGoroutines() goroutines { return goroutines{bubble(trace(false))} }

// left are the traces of the bubble's goroutines that are there, without those that the test itself has.
func (g goroutines) left() []byte {
	var found [][]byte
	for i, one := range bytes.Split(trace(true), []byte("\n\n")) {
		line, _, _ := bytes.Cut(one, []byte("\n"))
		ours := g.own != nil && bytes.HasSuffix(line, append(bytes.Clone(g.own), "]:"...))
		if i > 0 && ours && !bytes.Contains(one, []byte("testing/synctest.Test")) {
			found = append(found, one)
		}
	}
	return bytes.Join(found, []byte("\n\n"))
}

// trace is the stack of this goroutine, or of all.
func trace(all bool) []byte {
	buf := make([]byte, 1<<12)
	for {
		n := runtime.Stack(buf, all)
		if n < len(buf) || !all {
			return buf[:n]
		}
		buf = make([]byte, 2*len(buf))
	}
}

// bubble is "synctest bubble 7" of a goroutine's trace.
func bubble(trace []byte) []byte {
	line, _, _ := bytes.Cut(trace, []byte("\n"))
	i := bytes.Index(line, []byte("synctest bubble "))
	if i < 0 {
		return nil
	}
	return bytes.TrimRight(line[i:], "]:\n")
}

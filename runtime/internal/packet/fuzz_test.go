package packet

import (
	"bytes"
	"testing"
)

func FuzzHeader(f *testing.F) {
	f.Add(AppendInit(nil, V1Plain, ID{1}, [NonceLen]byte{2}))
	f.Add(AppendCookie(nil, V1, ID{1}, make([]byte, NonceLen), ID{2}, []byte("cookie")))
	f.Add(AppendVersions(nil, ID{1}, make([]byte, NonceLen), V1, V1Plain))
	f.Add(append(AppendLong(nil, Long{Type: Connect, Version: V1, Token: []byte{1}, NumberLen: 2}, 5), "seals"...))
	f.Add(append(AppendShort(nil, ID{3}, true, 77, 4), "sealed"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			h, rest, err := ParseHeader(b)
			if err != nil {
				return
			}
			if id, ok := DstID(b); !ok || id != h.Dst {
				t.Fatal("DstID differs")
			}
			if h.Type >= Connect && len(h.Raw)+len(h.Sealed)+len(rest) != len(b) {
				t.Fatal("bytes lost")
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			b = rest
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add(append(AppendStreamHead(nil, 1, 2, 3, true), "abc"...))
	f.Add(AppendAckRange(AppendAckHead(nil, 100, 7, 1, 3), 97, 90, 94))
	f.Add(append(AppendCryptoHead(nil, 5, 5), "hello"...))
	f.Add(AppendStreamAbort(nil, 1, 2, "why"))
	f.Add(AppendNewConnectionID(nil, 1, 0, ID{1}, [TokenLen]byte{2}))
	f.Add(AppendPath(AppendRetireConnectionID(nil, 1<<20), PathChallenge, [8]byte{1}))
	f.Add([]byte{0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var frame Frame
		for len(b) > 0 {
			rest, err := ParseFrame(&frame, b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) || !bytes.HasSuffix(b, rest) {
				t.Fatal("no progress")
			}
			below := uint64(MaxVarint) + 2
			for {
				smallest, largest, ok := frame.NextRange()
				if !ok {
					break
				}
				if smallest > largest || largest+1 >= below {
					t.Fatal("ranges overlap")
				}
				below = smallest
			}
			b = rest
		}
	})
}

func FuzzParams(f *testing.F) {
	f.Add(AppendParams(nil, &Params{Version: V1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseParams(b); err == nil {
			again, err := ParseParams(AppendParams(nil, &p))
			if err != nil || again.MaxData != p.MaxData {
				t.Fatal("not the same again")
			}
		}
	})
}

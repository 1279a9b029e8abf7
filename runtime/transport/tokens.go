package transport

import (
	"net/netip"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// tokens are the address tokens that servers have given to this process, the latest of each server. A
// connection that is dialed with one saves a round trip; each is used once, so that an observer cannot link the
// two connections.
var tokens tokenStore

// tokensMax bounds the number of servers whose token is kept. Beyond it, the oldest is dropped.
const tokensMax = 1024

type tokenStore struct {
	mu    sync.Mutex
	of    map[tokenKey]addressToken
	order []tokenKey // as they were first put; may name what is gone
}

// tokenKey is a server, in one mode. RFC 9000 §8.1.3: "A client MUST NOT include a token that is not applicable to the
// server that it is connecting to".
type tokenKey struct {
	addr    netip.AddrPort
	version packet.Version
}

type addressToken struct {
	bytes []byte
	got   mono.Time
	rtt   time.Duration // of the connection that it came on
}

// put keeps a token.
func (s *tokenStore) put(key tokenKey, t addressToken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = make(map[tokenKey]addressToken)
	}
	if _, known := s.of[key]; !known {
		if len(s.order) == tokensMax {
			delete(s.of, s.order[0])
			s.order = append(s.order[:0], s.order[1:]...)
		}
		s.order = append(s.order, key)
	}
	s.of[key] = t
}

// take takes a token out, if there is one that may still be good.
func (s *tokenStore) take(at mono.Time, key tokenKey) (t addressToken, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok = s.of[key]
	if !ok || t.bytes == nil {
		return addressToken{}, false
	}
	s.of[key] = addressToken{} // its place in order stays
	return t, at.Sub(t.got) < handshake.TokenLife
}

// leastPatience is the minimum time that a server is given to answer a token, however near it is: it has a
// signature to make.
const leastPatience = 100 * time.Millisecond

// patience is how long an answer to the token may take before it counts as refused.
func (t *addressToken) patience() time.Duration { return max(3*t.rtt, leastPatience) }

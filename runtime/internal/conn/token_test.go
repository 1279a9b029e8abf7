package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// tokenWorld is a world whose client has been given an address token, and has gone.
func tokenWorld(t *testing.T, configs ...func(client, server *Config)) (*world, []byte) {
	w := newWorld(t, configs...)
	w.tokens = true
	if w.version() == packet.V1 {
		w.secure(newSecured(t))
	}
	w.dial()
	w.run(time.Second)
	given := w.client.got(EventToken)
	require.Len(t, given, 1, w.story())
	w.client.core.Close(w.now)
	w.client.after()
	w.run(10 * time.Second)
	require.True(t, w.client.buried && w.server.buried, w.story())
	w.client = &side{w: w, name: "client", addr: clientAddr, route: w.client.route, config: w.client.config}
	w.client.config.ClientID = packet.ID{0xc1, 2}
	return w, given[0].Data
}

// firsts are the types of the packets that the client sends until it is connected.
func (w *world) firsts() (types []packet.Type) {
	w.t.Helper()
	w.fate = func(d *flying) (int, time.Duration) {
		if h, _, err := packet.ParseHeader(d.data); err == nil && d.from == w.client && w.client.core.phase < connected {
			types = append(types, h.Type)
			if h.Type == packet.Connect && w.client.core.tokened && !w.client.core.authentic {
				require.Len(w.t, d.data, packet.MinInit)
			}
		}
		return 1, 0
	}
	w.dial()
	w.until(func() bool { return len(w.client.got(EventConnected)) == 1 })
	return types
}

func TestTokenSavesTheFirstFlights(t *testing.T) {
	for name, mode := range map[string]func(client, server *Config){"plaintext": func(_, _ *Config) {}, "TLS": overTLS} {
		w, token := tokenWorld(t, mode)
		w.client.config.Token = token
		began := w.now
		for _, kind := range w.firsts() {
			require.Equal(t, packet.Connect, kind, name)
		}
		require.Equal(t, 2*w.latency, w.now.Sub(began), "one round trip, %s:\n%s", name, w.story())
		id := w.open(true)
		w.client.send(id, "hello", true)
		w.run(time.Second)
		got, _ := w.server.recv(id)
		require.Equal(t, []string{"hello"}, got)
	}
}

// A token that is spent, or whose server has forgotten it, costs the patience, and then INIT goes.
func TestTokenThatIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(token []byte){
		"another server's": func(token []byte) { token[20] ^= 1 },
		"cut short":        func(token []byte) { clear(token[packet.IDLen+1:]) },
	} {
		w, token := tokenWorld(t)
		spoil(token)
		w.client.config.Token, w.client.config.TokenPatience = token, 60*time.Millisecond
		began := w.now
		require.Contains(t, w.firsts(), packet.Init, name)
		require.Equal(t, 4*w.latency+60*time.Millisecond, w.now.Sub(began), "%s:\n%s", name, w.story())
	}
	w, token := tokenWorld(t)
	w.client.config.Token = token[:packet.IDLen]
	require.Equal(t, packet.Init, w.firsts()[0], "too short to be one")
}

// A server that speaks another version by now is found out, though the first packet was no INIT.
func TestTokenAndVersions(t *testing.T) {
	w, token := tokenWorld(t)
	w.client.config.Token, w.client.config.Version = token, packet.V1
	w.secure(newSecured(t))
	w.dial()
	w.until(func() bool { return w.client.closed != nil })
	var mismatch *VersionError
	require.ErrorAs(t, w.client.closed.Err, &mismatch)
	require.Equal(t, []packet.Version{packet.V1Plain}, mismatch.Offered)
}

// NEW_TOKEN is given again until it has arrived; from the dialing end it breaks a rule.
func TestTokenIsGivenAgain(t *testing.T) {
	w := newWorld(t)
	w.tokens = true
	w.fate = func(d *flying) (int, time.Duration) {
		if d.from != w.client && d.number < 6 && d.number > 1 {
			return 0, 0
		}
		return 1, 0
	}
	w.dial()
	w.run(10 * time.Second)
	require.Len(t, w.client.got(EventToken), 1, w.story())
	require.True(t, w.server.core.Resting(), "the token is not kept")

	w.server.arrive(clientAddr, w.client.forge(500, packet.AppendNewToken(nil, make([]byte, 60))))
	var fault *CloseError
	require.ErrorAs(t, w.server.closed.Err, &fault)
	require.EqualValues(t, packet.ProtocolViolation, fault.Code)
}

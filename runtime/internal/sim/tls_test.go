package sim

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/tlsdriver"
)

// The lane of TLS: crypto/tls in lock-step, one call at a time, with the time of the simulation and randomness that the
// test has set. Ed25519 signs the same thing the same way.

// epoch is the time at which simulations begin, as certificates see it.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// useTLS opens the lane for one test. Tests that use it do not run beside others.
func useTLS(t *testing.T) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: epoch.Add(-time.Hour), NotAfter: epoch.Add(10000 * time.Hour), DNSNames: []string{"server"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	realTLS = func(w *world) func(bool) handshake.Driver {
		clock := func() time.Time { return epoch.Add(time.Duration(w.now)) }
		server, err := tlsdriver.Configure(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, Time: clock})
		require.NoError(t, err)
		client, err := tlsdriver.Configure(&tls.Config{RootCAs: roots, ServerName: "server", Time: clock})
		require.NoError(t, err)
		return func(dials bool) handshake.Driver {
			if dials {
				return tlsdriver.NewClient(client)
			}
			return tlsdriver.NewServer(server)
		}
	}
	t.Cleanup(func() { realTLS = nil })
}

// runTLS is Run in the lane of TLS; its drivers' goroutines end with it.
func runTLS(t *testing.T, o Options) Outcome {
	t.Helper()
	o.Lane = TLS
	w := newWorld(o)
	w.play()
	for _, p := range w.peers {
		if p.driver != nil {
			p.driver.Close()
		}
	}
	return w.Outcome
}

// Seeds of the swarm under TLS: nothing changes but what the packets hold.
func TestTLSSwarm(t *testing.T) {
	useTLS(t)
	var total Outcome
	for seed := range uint64(max(60, *seedsFlag/50)) {
		out := runTLS(t, Draw(seed))
		require.NoError(t, out.Failure, "seed %d: %s", seed, Draw(seed))
		total.add(out)
	}
	t.Log(total)
}

// The same seed gives the same sizes, ways and times under TLS too.
func TestTLSSameTrace(t *testing.T) {
	for seed := range uint64(10) {
		var hashes [2]uint64
		for i := range hashes {
			t.Run("", func(t *testing.T) {
				useTLS(t)
				out := runTLS(t, Draw(seed))
				require.NoError(t, out.Failure)
				hashes[i] = out.Hash
			})
		}
		require.Equal(t, hashes[0], hashes[1], "seed %d", seed)
	}
}

// The attacker sees and writes packets under TLS: nothing changes but delay.
func TestTLSActiveAttacker(t *testing.T) {
	useTLS(t)
	forged := 0
	for seed := range uint64(20) {
		o := fair()
		o.Seed, o.Attack, o.Heal, o.Messages = seed, 0.8, 10*time.Second, 20
		out := runTLS(t, o)
		require.NoError(t, out.Failure)
		require.Equal(t, out.Sessions, out.Finished)
		forged += out.Forged
	}
	require.Greater(t, forged, 1000)
}

// Attack 23: somebody on the way who changes version, parameters or anything else of the first flights does not get
// a connection that differs from what both ends wanted: at the worst, none.
func TestAttack23Downgrade(t *testing.T) {
	useTLS(t)
	for bit := range 400 {
		o := fair()
		o.Lane, o.Handshake, o.Idle, o.Death = TLS, 5*time.Second, 20*time.Second, 5*time.Second
		w := newWorld(o)
		w.script = says(2, 2, false)
		w.fate = func(_ int, _, _ *host, data []byte) (int, time.Duration) {
			if kindOf(data) < packet.Handshake && w.now < mono.Time(100*time.Millisecond) {
				at := (bit * 7919) % (8 * len(data))
				data[at/8] ^= 1 << (at % 8)
			}
			return 1, 0
		}
		w.play()
		require.NoError(t, w.Failure, "bit %d", bit)
		for _, p := range w.peers {
			if p.driver != nil {
				p.driver.Close()
			}
		}
	}
}

package ledger_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/rpc/books"
	"github.com/sessgen/sessgen/examples/rpc/ledger"
)

// What the targets of ledger.sess_fuzz_test.go play against: the real books and an honest
// program, or, where TestPlanted says so, ones with a bug.
func init() {
	bug := os.Getenv("LEDGER_PLANTED")
	ledger.FuzzedLedgerServer = func(t testing.TB) ledger.LedgerServer {
		if server, ok := plantedServers[bug]; ok {
			return server(t)
		}
		return books.New()
	}
	ledger.FuzzedLedgerClient = settle
	if client, ok := plantedClients[bug]; ok {
		ledger.FuzzedLedgerClient = client
	}
}

// settle brings an account to zero, and gives what it had to another one.
func settle(ctx context.Context, c *ledger.LedgerClient) error {
	cents, err := c.Get(ctx, "ada")
	if err != nil {
		return err
	}
	if cents > 0 {
		if _, err := c.Move(ctx, "ada", "bob", cents); err != nil {
			return err
		}
	}
	var last ledger.Line
	for line, err := range c.History(ctx, "bob") {
		if err != nil {
			return err
		}
		last = line
	}
	for _, err := range c.Audit(ctx, func(send func(ledger.Line) error) error { return send(last) }) {
		if err != nil {
			return err
		}
	}
	return nil
}

// Servers with bugs: books, all but for one method.
type (
	countsFromZero struct {
		*books.Books
		moves uint64
	}
	trusting  struct{ *books.Books }
	hasty     struct{ *books.Books }
	deaf      struct{ *books.Books }
	forgetful struct{ *books.Books }
	eager     struct{ *books.Books }
	foreign   struct{ *books.Books }
	lavish    struct{ *books.Books }
)

// Move gives the first transfer the number 0.
func (b *countsFromZero) Move(ctx context.Context, from, to string, cents int64) (uint64, error) {
	if _, err := b.Books.Move(ctx, from, to, cents); err != nil {
		return 0, err
	}
	b.moves++
	return b.moves - 1, nil
}

// History takes it that every account has a line.
func (b trusting) History(ctx context.Context, account string, send func(ledger.Line) error) error {
	var lines []ledger.Line
	err := b.Books.History(ctx, account, func(line ledger.Line) error {
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		return err
	}
	return send(lines[len(lines)-1])
}

// Import takes what came for all of it.
func (b hasty) Import(_ context.Context, items iter.Seq2[ledger.Line, error]) (count int, err error) {
	for _, err := range items {
		if err != nil {
			break
		}
		count++
	}
	return count, nil
}

// Get waits, and does not listen whether anybody still wants to know.
func (b deaf) Get(context.Context, string) (int64, error) {
	<-make(chan int)
	return 0, nil
}

// Get leaves somebody behind who waits.
func (b forgetful) Get(ctx context.Context, account string) (int64, error) {
	go func() { <-make(chan int) }()
	return b.Books.Get(ctx, account)
}

// Audit answers while it is asked.
func (b eager) Audit(_ context.Context, items iter.Seq2[ledger.Line, error], send func(int64) error) error {
	for line, err := range items {
		if err != nil {
			return err
		}
		if err := send(line.Cents); err != nil {
			return err
		}
	}
	return nil
}

// History has what is no UTF-8.
func (b foreign) History(_ context.Context, _ string, send func(ledger.Line) error) error {
	return send(ledger.Line{Text: "Z\xfcrich"})
}

// History has a line that is longer than any message.
func (b lavish) History(_ context.Context, _ string, send func(ledger.Line) error) error {
	return send(ledger.Line{Text: string(make([]byte, 5<<20))})
}

var plantedServers = map[string]func(testing.TB) ledger.LedgerServer{
	"counts from zero": func(testing.TB) ledger.LedgerServer { return &countsFromZero{Books: books.New()} },
	"trusting":         func(testing.TB) ledger.LedgerServer { return trusting{books.New()} },
	"hasty":            func(testing.TB) ledger.LedgerServer { return hasty{books.New()} },
	"deaf":             func(testing.TB) ledger.LedgerServer { return deaf{books.New()} },
	"forgetful":        func(testing.TB) ledger.LedgerServer { return forgetful{books.New()} },
	"eager":            func(testing.TB) ledger.LedgerServer { return eager{books.New()} },
	"foreign":          func(testing.TB) ledger.LedgerServer { return foreign{books.New()} },
	"lavish":           func(testing.TB) ledger.LedgerServer { return lavish{books.New()} },
	// No bug: what it begins is ended with the test.
	"tidy": func(t testing.TB) ledger.LedgerServer {
		closed := make(chan int)
		go func() { <-closed }()
		t.Cleanup(func() { close(closed) })
		return books.New()
	},
}

// Programs with bugs.
var plantedClients = map[string]func(context.Context, *ledger.LedgerClient) error{
	"first": func(ctx context.Context, c *ledger.LedgerClient) error {
		var lines []ledger.Line
		for line, err := range c.History(ctx, "ada") {
			if err != nil {
				return err
			}
			lines = append(lines, line)
		}
		_ = lines[0]
		return nil
	},
	"overdraft": func(ctx context.Context, c *ledger.LedgerClient) error {
		cents, err := c.Get(ctx, "ada")
		if err != nil {
			return err
		}
		_, err = c.Move(ctx, "ada", "bob", cents)
		return err
	},
	"endless": func(_ context.Context, c *ledger.LedgerClient) error {
		for {
			_, _ = c.Get(context.Background(), "ada")
			time.Sleep(time.Hour)
		}
	},
	"leaves": func(ctx context.Context, c *ledger.LedgerClient) error {
		cents, err := c.Get(ctx, "ada")
		told := make(chan int64)
		go func() { told <- cents }()
		if err != nil {
			return errors.New("it did not work")
		}
		<-told
		return nil
	},
}

// TestPlanted runs the targets as `go test` does, on their seeds alone, against servers and programs with bugs: they find
// each of them, and say what happened.
func TestPlanted(t *testing.T) {
	for bug, words := range map[string]string{
		"counts from zero": `Move replied with what its contract forbids: .*id != 0`,
		"trusting":         `History panicked: runtime error: index out of range \[-1\]`,
		"hasty":            `Import returned no error although its request stream broke off: did it take a part for the whole\?`,
		"deaf":             `Get (owed an answer for a day|has not returned a day after its caller had gone)`,
		"forgetful":        `goroutines that wait were left behind`,
		"eager":            `Audit replied too early`,
		"foreign":          `History replied with what has no encoding`,
		"lavish":           `History replied with more than fits`,
	} {
		t.Run(bug, func(t *testing.T) {
			out, err := fuzz(t, "FuzzLedgerServer", bug)
			require.Error(t, err, "it found nothing:\n%s", out)
			require.Regexp(t, "peerfuzz: ledger.Ledger Server: "+words, out)
			require.Contains(t, out, "the conversation:")
			require.LessOrEqual(t, strings.Count(out, "--- FAIL: FuzzLedgerServer/"), 3, "one bug, and no more of it than one wants to read")
		})
	}
	for bug, words := range map[string]string{
		"first":     `the program panicked: runtime error: index out of range`,
		"overdraft": `the program tried to ask what it must not: .*ledger.Ledger.Move Client must not send Move`,
		"endless":   `the program has not returned a minute after its context has ended`,
		"leaves":    `goroutines that wait were left behind`,
	} {
		t.Run(bug, func(t *testing.T) {
			out, err := fuzz(t, "FuzzLedgerClient", bug)
			require.Error(t, err, "it found nothing:\n%s", out)
			require.Regexp(t, "peerfuzz: ledger.Ledger Client: "+words, out)
		})
	}
	out, err := fuzz(t, "FuzzLedgerServer", "tidy")
	require.NoError(t, err, "%s", out)
}

// fuzz runs a target of this test binary with a bug.
func fuzz(t *testing.T, target, bug string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "-test.run=^"+target+"$")
	cmd.Env = append(os.Environ(), "LEDGER_PLANTED="+bug)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

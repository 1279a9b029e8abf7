package kiosk_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/kiosk/kiosk"
	"github.com/sessgen/sessgen/examples/kiosk/roles"
)

// The bodies that the targets of kiosk.sess_fuzz_test.go play against: the real
// ones, or, where TestPlanted says so, a clerk with a bug.
func init() {
	kiosk.FuzzedKioskCustomer = roles.Customer(io.Discard, 1, 2, 1, 0)
	kiosk.FuzzedKioskClerk = roles.Clerk
	if clerk, ok := planted[os.Getenv("KIOSK_PLANTED")]; ok {
		kiosk.FuzzedKioskClerk = clerk
	}
}

// visit is a clerk's conversation, but for what pick does.
func visit(
	ctx context.Context, start kiosk.KioskClerkStart, prices []int64,
	pick func(ctx context.Context, item int, at kiosk.KioskClerkAfterPick) (kiosk.KioskClerkCounter, error),
) (kiosk.KioskClerkEnd, error) {
	entered, err := start.RecvEnter(ctx)
	if err != nil {
		return kiosk.KioskClerkEnd{}, err
	}
	counter, err := entered.SendShelf(ctx, prices)
	if err != nil {
		return kiosk.KioskClerkEnd{}, err
	}
	for {
		branch, err := counter.Recv(ctx)
		if err != nil {
			return kiosk.KioskClerkEnd{}, err
		}
		switch branch := branch.(type) {
		case kiosk.KioskClerkCounterInsert:
			counter = branch.Next
		case kiosk.KioskClerkCounterPick:
			if counter, err = pick(ctx, branch.Item, branch.Next); err != nil {
				return kiosk.KioskClerkEnd{}, err
			}
		case kiosk.KioskClerkCounterLeave:
			return branch.Next.SendChange(ctx, branch.Next.Coins())
		}
	}
}

// planted are clerks with bugs.
var planted = map[string]func(context.Context, kiosk.KioskClerkStart) (kiosk.KioskClerkEnd, error){
	// It takes an item that is gone off its list, where the customer's numbers go on to count it.
	"gone": func(ctx context.Context, start kiosk.KioskClerkStart) (kiosk.KioskClerkEnd, error) {
		shelf := slices.Clone(roles.Shelf)
		prices := []int64{120, 80, 250}
		return visit(ctx, start, prices, func(ctx context.Context, item int, at kiosk.KioskClerkAfterPick) (kiosk.KioskClerkCounter, error) {
			if shelf[item].Price > at.Coins() {
				return at.SendTooDear(ctx)
			}
			if shelf[item].Left--; shelf[item].Left == 0 {
				shelf = slices.Delete(shelf, item, item+1)
			}
			return at.SendDrop(ctx)
		})
	},
	// It switches a motor on, and off only after a visit that went well.
	"motor": func(ctx context.Context, start kiosk.KioskClerkStart) (kiosk.KioskClerkEnd, error) {
		off := make(chan struct{})
		go func() { <-off }()
		end, err := roles.Clerk(ctx, start)
		if err == nil {
			close(off)
		}
		return end, err
	},
	// It says nothing of a customer who runs away.
	"quiet": func(ctx context.Context, start kiosk.KioskClerkStart) (kiosk.KioskClerkEnd, error) {
		end, _ := roles.Clerk(ctx, start)
		return end, nil
	},
	// It hides what it got to know.
	"vague": func(ctx context.Context, start kiosk.KioskClerkStart) (kiosk.KioskClerkEnd, error) {
		end, err := roles.Clerk(ctx, start)
		if err != nil {
			err = errors.New("it did not work")
		}
		return end, err
	},
	// It waits for somebody else after each pick.
	"asleep": func(ctx context.Context, start kiosk.KioskClerkStart) (kiosk.KioskClerkEnd, error) {
		manager := make(chan struct{})
		return visit(ctx, start, []int64{1}, func(ctx context.Context, item int, at kiosk.KioskClerkAfterPick) (kiosk.KioskClerkCounter, error) {
			select {
			case <-manager:
			case <-ctx.Done():
			}
			return at.SendSoldOut(ctx)
		})
	},
	// It drops whatever is asked for.
	"generous": func(ctx context.Context, start kiosk.KioskClerkStart) (kiosk.KioskClerkEnd, error) {
		return visit(ctx, start, []int64{120, 80, 250}, func(ctx context.Context, item int, at kiosk.KioskClerkAfterPick) (kiosk.KioskClerkCounter, error) {
			return at.SendDrop(ctx)
		})
	},
}

// TestPlanted runs the target of the role Clerk as `go test` does, on its seeds
// alone, against clerks with bugs: it finds each of them, and says what happened.
func TestPlanted(t *testing.T) {
	for clerk, words := range map[string]string{
		"gone":     "the body panicked: runtime error: index out of range",
		"motor":    "the body has returned, and left goroutines behind that wait",
		"quiet":    "the body returned no error, and has not finished",
		"vague":    `the body got a \*session.PeerError, and returned an error that does not wrap it: it did not work`,
		"asleep":   "the body owed a message for a day",
		"generous": "the body tried to send what it must not: session: kiosk.Kiosk Clerk must not send Drop",
	} {
		t.Run(clerk, func(t *testing.T) {
			out := fuzz(t, clerk)
			require.Regexp(t, "peerfuzz: kiosk.Kiosk Clerk: "+words, out)
			require.Regexp(t, "the conversation:\n(.*about to deviate.*\n)?.*Customer sends ", out)
		})
	}
}

// fuzz runs this test binary against a clerk with a bug; it must fail.
func fuzz(t *testing.T, clerk string) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "-test.run=^FuzzKioskClerk$")
	cmd.Env = append(os.Environ(), "KIOSK_PLANTED="+clerk)
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "it found nothing:\n%s", out)
	return string(out)
}

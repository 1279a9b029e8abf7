// Package roles plays both roles of the protocol Kiosk. It is a package, and not
// part of the program, so that the fuzz targets beside the protocol can import it.
package roles

import (
	"context"
	"fmt"
	"io"

	"github.com/sessgen/sessgen/examples/kiosk/kiosk"
)

// Item is one row of the shelf.
type Item struct {
	Price int64
	Left  int
}

// Shelf is what a kiosk sells. Each customer finds it full.
var Shelf = []Item{{Price: 120, Left: 1}, {Price: 80, Left: 2}, {Price: 250, Left: 1}}

// Clerk plays the role Clerk.
func Clerk(ctx context.Context, start kiosk.KioskClerkStart) (kiosk.KioskClerkEnd, error) {
	entered, err := start.RecvEnter(ctx)
	if err != nil {
		return kiosk.KioskClerkEnd{}, err
	}
	var prices []int64
	var left []int
	for _, item := range Shelf {
		prices, left = append(prices, item.Price), append(left, item.Left)
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
			picked := branch.Next
			switch {
			case left[branch.Item] == 0:
				counter, err = picked.SendSoldOut(ctx)
			case prices[branch.Item] > picked.Coins():
				counter, err = picked.SendTooDear(ctx)
			default:
				left[branch.Item]--
				counter, err = picked.SendDrop(ctx)
			}
			if err != nil {
				return kiosk.KioskClerkEnd{}, err
			}
		case kiosk.KioskClerkCounterLeave:
			return branch.Next.SendChange(ctx, branch.Next.Coins())
		}
	}
}

// Customer plays the role Customer: it inserts a coin of 200, picks the items in
// turn, and prints to out what it gets.
func Customer(out io.Writer, items ...int) func(context.Context, kiosk.KioskCustomerStart) (kiosk.KioskCustomerEnd, error) {
	return func(ctx context.Context, start kiosk.KioskCustomerStart) (kiosk.KioskCustomerEnd, error) {
		entered, err := start.SendEnter(ctx)
		if err != nil {
			return kiosk.KioskCustomerEnd{}, err
		}
		prices, counter, err := entered.RecvShelf(ctx)
		if err != nil {
			return kiosk.KioskCustomerEnd{}, err
		}
		counter, err = counter.SendInsert(ctx, kiosk.MaxCoin)
		if err != nil {
			return kiosk.KioskCustomerEnd{}, err
		}
		for _, item := range items {
			if item >= len(prices) {
				fmt.Fprintf(out, "%d: no such item\n", item)
				continue
			}
			picked, err := counter.SendPick(ctx, item)
			if err != nil {
				return kiosk.KioskCustomerEnd{}, err
			}
			counter, err = kiosk.MatchKioskCustomerAfterPick(ctx, picked,
				func(b kiosk.KioskCustomerAfterPickDrop) (kiosk.KioskCustomerCounter, error) {
					fmt.Fprintf(out, "%d: mine for %d\n", item, prices[item])
					return b.Next, nil
				},
				func(b kiosk.KioskCustomerAfterPickTooDear) (kiosk.KioskCustomerCounter, error) {
					fmt.Fprintf(out, "%d: %d is too dear\n", item, prices[item])
					return b.Next, nil
				},
				func(b kiosk.KioskCustomerAfterPickSoldOut) (kiosk.KioskCustomerCounter, error) {
					fmt.Fprintf(out, "%d: sold out\n", item)
					return b.Next, nil
				},
			)
			if err != nil {
				return kiosk.KioskCustomerEnd{}, err
			}
		}
		left, err := counter.SendLeave(ctx)
		if err != nil {
			return kiosk.KioskCustomerEnd{}, err
		}
		back, end, err := left.RecvChange(ctx)
		if err != nil {
			return kiosk.KioskCustomerEnd{}, err
		}
		fmt.Fprintf(out, "change: %d\n", back)
		return end, nil
	}
}

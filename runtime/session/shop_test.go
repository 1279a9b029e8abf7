package session_test

import (
	"context"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// The protocol of these tests, as a generated file has it:
//
//	protocol Shop(Buyer, Seller) {
//	    rec Open(total int64 = 0) {
//	        choice at Buyer {
//	            Buyer -> Seller: Add(cents int64) where 0 < cents && cents <= 1000
//	            Seller -> Buyer: Added(sum int64) where sum == total+cents
//	            continue Open(total + cents)
//	        } or {
//	            Buyer -> Seller: Leave(name string) where 100/len(name) >= 5
//	            choice at Seller {
//	                Seller -> Buyer: Bill(bill Bill)
//	            } or {
//	                Seller -> Buyer: Gift(why Reason)
//	            }
//	        }
//	    }
//	}
var ShopProtocol = session.Protocol{
	Name:        "shop.Shop",
	Fingerprint: "1111111111111111111111111111111111111111111111111111111111111111",
	Roles:       [2]string{"Buyer", "Seller"},
	States:      []session.State{{Name: "Open"}, {Name: "AfterAdd"}, {Name: "AfterLeave"}, {Name: "End"}},
	Messages: []session.Message{
		shopOpenAdd: {
			Label: "Add", Number: 0, Sender: 0, State: shopOpen, Next: shopAfterAdd,
			Params: []string{"cents int64"}, Where: "0 < cents && cents <= 1000", Pos: "shop.sess:7:13",
		},
		shopOpenLeave: {
			Label: "Leave", Number: 2, Sender: 0, State: shopOpen, Next: shopAfterLeave,
			Params: []string{"name string"}, Where: "100/len(name) >= 5", Pos: "shop.sess:11:13",
		},
		shopAfterAddAdded: {
			Label: "Added", Number: 1, Sender: 1, State: shopAfterAdd, Next: shopOpen,
			Params: []string{"sum int64"}, Where: "sum == total+cents", Pos: "shop.sess:8:13",
		},
		shopAfterLeaveBill: {
			Label: "Bill", Number: 3, Sender: 1, State: shopAfterLeave, Next: shopEnd,
			Params: []string{"bill Bill"}, Pos: "shop.sess:13:17",
		},
		shopAfterLeaveGift: {
			Label: "Gift", Number: 4, Sender: 1, State: shopAfterLeave, Next: shopEnd,
			Params: []string{"why Reason"}, Pos: "shop.sess:15:17",
		},
	},
}

const (
	shopOpen = iota
	shopAfterAdd
	shopAfterLeave
	shopEnd
)

const (
	shopOpenAdd = iota
	shopOpenLeave
	shopAfterAddAdded
	shopAfterLeaveBill
	shopAfterLeaveGift
)

func RunShopBuyer(ctx context.Context, conn session.Conn, body func(context.Context, ShopBuyerOpen) (ShopBuyerEnd, error)) error {
	return session.Run(ctx, conn, &ShopProtocol, func(ctx context.Context, first session.Step) (session.Step, error) {
		end, err := body(ctx, ShopBuyerOpen{step: first})
		return end.step, err
	})
}

func OpenShopBuyer(ctx context.Context, conn session.Conn) (ShopBuyerOpen, error) {
	first, err := session.Open(ctx, conn, &ShopProtocol)
	return ShopBuyerOpen{step: first}, err
}

func RegisterShopSeller(srv session.Registrar, body func(context.Context, ShopSellerOpen) (ShopSellerEnd, error)) {
	session.Register(srv, &ShopProtocol, func(ctx context.Context, first session.Step) (session.Step, error) {
		end, err := body(ctx, ShopSellerOpen{step: first})
		return end.step, err
	})
}

type ShopBuyerOpen struct {
	step  session.Step
	total int64
}

func (s ShopBuyerOpen) SendAdd(ctx context.Context, cents int64) (ShopBuyerAfterAdd, error) {
	out, err := s.step.BeginSend(shopOpenAdd)
	if err != nil {
		return ShopBuyerAfterAdd{}, err
	}
	if !shopOpenAddWhere(cents) {
		return ShopBuyerAfterAdd{}, out.Refuse("cents", cents)
	}
	out.Int64(1, cents)
	next, err := out.Send(ctx)
	if err != nil {
		return ShopBuyerAfterAdd{}, err
	}
	return ShopBuyerAfterAdd{step: next, total: s.total, cents: cents}, nil
}

func (s ShopBuyerOpen) SendLeave(ctx context.Context, name string) (ShopBuyerAfterLeave, error) {
	out, err := s.step.BeginSend(shopOpenLeave)
	if err != nil {
		return ShopBuyerAfterLeave{}, err
	}
	if !shopOpenLeaveWhere(name) {
		return ShopBuyerAfterLeave{}, out.Refuse("name", name)
	}
	out.Text(1, name)
	next, err := out.Send(ctx)
	if err != nil {
		return ShopBuyerAfterLeave{}, err
	}
	return ShopBuyerAfterLeave{step: next}, nil
}

func (s ShopBuyerOpen) Abort(err error) { s.step.Abort(err) }
func (s ShopBuyerOpen) String() string  { return s.step.Describe("ShopBuyerOpen") }

type ShopBuyerAfterAdd struct {
	step         session.Step
	total, cents int64
}

func (s ShopBuyerAfterAdd) RecvAdded(ctx context.Context) (sum int64, next ShopBuyerOpen, err error) {
	in, err := s.step.Recv(ctx, shopAfterAdd)
	if err != nil {
		return 0, ShopBuyerOpen{}, err
	}
	return s.acceptAdded(in)
}

func (s ShopBuyerAfterAdd) TryRecvAdded() (sum int64, next ShopBuyerOpen, ok bool, err error) {
	in, ok, err := s.step.TryRecv(shopAfterAdd)
	if err != nil || !ok {
		return 0, ShopBuyerOpen{}, ok, err
	}
	sum, next, err = s.acceptAdded(in)
	return sum, next, err == nil, err
}

func (s ShopBuyerAfterAdd) acceptAdded(in *session.Inbound) (sum int64, next ShopBuyerOpen, err error) {
	for in.Next() {
		if in.Field() == 1 {
			sum = in.Int64()
		}
	}
	if sum != s.total+s.cents {
		return 0, ShopBuyerOpen{}, in.Violated("total", s.total, "cents", s.cents, "sum", sum)
	}
	next.step, err = in.Accept()
	if err != nil {
		return 0, ShopBuyerOpen{}, err
	}
	next.total = sum
	return sum, next, nil
}

type ShopBuyerAfterLeave struct{ step session.Step }

type ShopBuyerAfterLeaveBill struct {
	Bill Bill
	Next ShopBuyerEnd
}

type ShopBuyerAfterLeaveGift struct {
	Why  Reason
	Next ShopBuyerEnd
}

func MatchShopBuyerAfterLeave[R any](
	ctx context.Context,
	s ShopBuyerAfterLeave,
	onBill func(ShopBuyerAfterLeaveBill) (R, error),
	onGift func(ShopBuyerAfterLeaveGift) (R, error),
) (R, error) {
	var zero R
	in, err := s.step.Recv(ctx, shopAfterLeave)
	if err != nil {
		return zero, err
	}
	switch in.Message() {
	case shopAfterLeaveBill:
		var branch ShopBuyerAfterLeaveBill
		for in.Next() {
			if in.Field() == 1 {
				branch.Bill.decode(&in.Decoder)
			}
		}
		if branch.Next.step, err = in.Accept(); err != nil {
			return zero, err
		}
		return onBill(branch)
	default: // shopAfterLeaveGift
		var branch ShopBuyerAfterLeaveGift
		for in.Next() {
			if in.Field() == 1 {
				branch.Why = Reason(in.Enum(2))
			}
		}
		if branch.Next.step, err = in.Accept(); err != nil {
			return zero, err
		}
		return onGift(branch)
	}
}

type ShopBuyerEnd struct{ step session.Step }

func (s ShopBuyerEnd) Close(ctx context.Context) error { return s.step.Close(ctx) }
func (s ShopBuyerEnd) Abort(err error)                 { s.step.Abort(err) }

type ShopSellerOpen struct {
	step  session.Step
	total int64
}

type ShopSellerOpenAdd struct {
	Cents int64
	Next  ShopSellerAfterAdd
}

type ShopSellerOpenLeave struct {
	Name string
	Next ShopSellerAfterLeave
}

func MatchShopSellerOpen[R any](
	ctx context.Context,
	s ShopSellerOpen,
	onAdd func(ShopSellerOpenAdd) (R, error),
	onLeave func(ShopSellerOpenLeave) (R, error),
) (R, error) {
	var zero R
	in, err := s.step.Recv(ctx, shopOpen)
	if err != nil {
		return zero, err
	}
	switch in.Message() {
	case shopOpenAdd:
		branch, err := s.acceptAdd(in)
		if err != nil {
			return zero, err
		}
		return onAdd(branch)
	default: // shopOpenLeave
		branch, err := s.acceptLeave(in)
		if err != nil {
			return zero, err
		}
		return onLeave(branch)
	}
}

func (s ShopSellerOpen) acceptAdd(in *session.Inbound) (branch ShopSellerOpenAdd, err error) {
	for in.Next() {
		if in.Field() == 1 {
			branch.Cents = in.Int64()
		}
	}
	if !shopOpenAddWhere(branch.Cents) {
		return ShopSellerOpenAdd{}, in.Violated("cents", branch.Cents)
	}
	branch.Next = ShopSellerAfterAdd{total: s.total, cents: branch.Cents}
	if branch.Next.step, err = in.Accept(); err != nil {
		return ShopSellerOpenAdd{}, err
	}
	return branch, nil
}

func (s ShopSellerOpen) acceptLeave(in *session.Inbound) (branch ShopSellerOpenLeave, err error) {
	for in.Next() {
		if in.Field() == 1 {
			branch.Name = in.Text()
		}
	}
	if !shopOpenLeaveWhere(branch.Name) {
		return ShopSellerOpenLeave{}, in.Violated("name", branch.Name)
	}
	branch.Next = ShopSellerAfterLeave{total: s.total}
	if branch.Next.step, err = in.Accept(); err != nil {
		return ShopSellerOpenLeave{}, err
	}
	return branch, nil
}

func (s ShopSellerOpen) Abort(err error) { s.step.Abort(err) }

type ShopSellerAfterAdd struct {
	step         session.Step
	total, cents int64
}

func (s ShopSellerAfterAdd) SendAdded(ctx context.Context, sum int64) (ShopSellerOpen, error) {
	out, err := s.step.BeginSend(shopAfterAddAdded)
	if err != nil {
		return ShopSellerOpen{}, err
	}
	if sum != s.total+s.cents {
		return ShopSellerOpen{}, out.Refuse("total", s.total, "cents", s.cents, "sum", sum)
	}
	out.Int64(1, sum)
	next, err := out.Send(ctx)
	if err != nil {
		return ShopSellerOpen{}, err
	}
	return ShopSellerOpen{step: next, total: s.total + s.cents}, nil
}

type ShopSellerAfterLeave struct {
	step  session.Step
	total int64
}

func (s ShopSellerAfterLeave) SendBill(ctx context.Context, bill Bill) (ShopSellerEnd, error) {
	out, err := s.step.BeginSend(shopAfterLeaveBill)
	if err != nil {
		return ShopSellerEnd{}, err
	}
	begin := out.Begin(1)
	bill.encode(&out.Encoder)
	out.EndField(begin)
	next, err := out.Send(ctx)
	if err != nil {
		return ShopSellerEnd{}, err
	}
	return ShopSellerEnd{step: next}, nil
}

func (s ShopSellerAfterLeave) SendGift(ctx context.Context, why Reason) (ShopSellerEnd, error) {
	out, err := s.step.BeginSend(shopAfterLeaveGift)
	if err != nil {
		return ShopSellerEnd{}, err
	}
	out.Enum(1, int32(why), 2)
	next, err := out.Send(ctx)
	if err != nil {
		return ShopSellerEnd{}, err
	}
	return ShopSellerEnd{step: next}, nil
}

type ShopSellerEnd struct{ step session.Step }

func (s ShopSellerEnd) Close(ctx context.Context) error { return s.step.Close(ctx) }

func shopOpenAddWhere(cents int64) bool { return 0 < cents && cents <= 1000 }

func shopOpenLeaveWhere(name string) (holds bool) {
	defer session.FalseOnPanic(&holds)
	return 100/len(name) >= 5
}

type Reason int32

const (
	ReasonRegular Reason = iota
	ReasonLucky
)

type Line struct {
	Text  string
	Cents int64
}

func (v *Line) encode(e *session.Encoder) {
	e.Text(1, v.Text)
	e.Int64(2, v.Cents)
}

func (v *Line) decode(d *session.Decoder) {
	outer := d.Enter()
	for d.Next() {
		switch d.Field() {
		case 1:
			v.Text = d.Text()
		case 2:
			v.Cents = d.Int64()
		}
	}
	d.Leave(outer)
}

type Bill struct {
	Lines []Line
	At    time.Time
}

func (v *Bill) encode(e *session.Encoder) {
	for i := range v.Lines {
		begin := e.Begin(1)
		v.Lines[i].encode(e)
		e.EndElement(begin)
	}
	e.Time(2, v.At)
}

func (v *Bill) decode(d *session.Decoder) {
	outer := d.Enter()
	for d.Next() {
		switch d.Field() {
		case 1:
			v.Lines = append(v.Lines, Line{})
			v.Lines[len(v.Lines)-1].decode(d)
		case 2:
			v.At = d.Time()
		}
	}
	d.Leave(outer)
}

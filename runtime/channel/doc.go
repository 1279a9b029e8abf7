// Package channel carries plain values between two programs: a reliable channel
// over UDP, without a protocol above it. What one end sends the other receives,
// each value once, whole and in order, whatever the network loses, duplicates,
// reorders or forges; or both ends learn that it is over.
//
// A Listener is passive: it waits at an address, and Accept returns the channels of
// those who dial it. A Chan carries values, one type each way. They are two
// types, so sending on a listener does not compile:
//
//	l, err := channel.Listen("127.0.0.1:0", channel.Int, channel.String, transport.WithPlaintext())
//	c, err := l.Accept(ctx)                   // *channel.Chan[int, string]: sends ints, receives strings
//
//	d, err := channel.Dial(ctx, l.Addr().String(), channel.String, channel.Int, transport.WithPlaintext())
//	err     = d.Send(ctx, "six times seven")
//	n, err := d.Recv(ctx)
//
// # Serializers
//
// A Serializer turns the values of one type into bytes and back: Int, Bool,
// String, Bytes and the like for plain ones, PairOf, SumOf, OptionOf and ListOf for those
// that are made of others, Binary for every type with encoding's Binary methods.
// Both ends name theirs when they meet: a channel of ints does not meet one of strings, and
// the calls of the one that dialed return a *MismatchError; Dial itself does not wait to hear it.
//
// # Ending
//
// Each direction ends alone. CloseSend says that nothing more is sent; the peer's
// Recv returns io.EOF behind the last value. Close ends both: it returns nil
// when each end has received everything that the other one sent, and knows that the
// other has. An end that wants to hear the rest calls CloseSend, receives until
// io.EOF, and then Close. Abort gives the channel up, at both ends.
//
// After the end every call returns the one error that ended it; all of those match
// net.ErrClosed. Those that leave a channel as it was are the context's, *EncodeError, and
// *session.TooLargeError.
//
// Who wants order and contracts between the values, several conversations on one
// connection, or names for what is said, writes a protocol: see the sessgen command.
package channel

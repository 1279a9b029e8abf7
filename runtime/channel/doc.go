// Package channel carries plain values between two programs: a reliable channel over UDP, with no protocol
// above it. What one end sends the other receives, each value once, whole and in order, whatever the network
// loses, duplicates, reorders or forges; or both ends learn that the channel is over.
//
// A Listener is passive: it waits at an address, and Accept returns the channels of the peers that dial it. A
// Chan carries values, one type each way. They are two types, so sending on a listener does not compile:
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
// A Serializer turns the values of one type into bytes and back: Int, Bool, String, Bytes and the like for
// plain values; PairOf, SumOf, OptionOf and ListOf for values made of others; Binary for any type with the
// Binary methods of package encoding. Both ends name their serializers when they connect: a channel of ints
// does not connect to one of strings, and the calls of the end that dialed return a *MismatchError. Dial itself
// does not wait for the answer.
//
// # Ending
//
// Each direction ends on its own. CloseSend says that nothing more will be sent; the peer's Recv returns io.EOF
// after the last value. Close ends both directions: it returns nil when each end has received everything that
// the other sent, and knows that the other has too. An end that wants the remaining values calls CloseSend,
// receives until io.EOF, and then calls Close. Abort gives up the channel, at both ends.
//
// After the end every call returns the one error that ended the channel; all of these match net.ErrClosed. The
// errors that leave a channel as it was are ctx's, *EncodeError, *session.TooLargeError and ErrSendClosed.
//
// For order and contracts between values, several conversations on one connection, or names for what is said,
// write a protocol: see the sessgen command.
package channel

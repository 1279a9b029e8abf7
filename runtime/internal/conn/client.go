package conn

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// initBackOff is the longest time between two INITs, while no COOKIE has come.
const initBackOff = time.Second

// appendInit appends an INIT, and sets the time of the next one.
func (c *Conn) appendInit(now mono.Time, b []byte) []byte {
	c.initDue = false
	wait := min(3*c.config.InitialRTT<<min(c.initsSent, 8), initBackOff)
	switch {
	case !c.cookieless():
		wait = c.cookiePatience(now)
	case c.doubtedAt > 0:
		wait = c.config.InitialRTT
	}
	c.initAt = now.Add(wait)
	c.initsSent++
	return packet.AppendInit(b, c.config.Version, c.ids.initial(), c.nonce)
}

// cookieless reports whether no COOKIE has come.
func (c *Conn) cookieless() bool { return c.phase == opening || c.tokened }

// maxPatience is half of a cookie's life.
const maxPatience = 5 * time.Second

// cookiePatience is how long a COOKIE is given to lead to an ACCEPT before another INIT is sent. It is longer
// than a round trip; otherwise, on a slow path, each COOKIE would undo the one before. The time since the
// beginning bounds the round trip from above.
func (c *Conn) cookiePatience(now mono.Time) time.Duration {
	return max(initBackOff, min(3*now.Sub(c.begun), maxPatience))
}

// maxTried is how many COOKIEs are remembered, so that forged ones cost no memory.
const maxTried = 16

// takeCookie begins the handshake with the server id that a COOKIE offers. The latest COOKIE counts until an
// ACCEPT is authentic, so a COOKIE forged by somebody who saw the INIT only delays the handshake. A late copy
// of a COOKIE from before the current one does not count: its server may have received the first message of a
// handshake that is forgotten here, and would answer that for ever. RFC 9000 §7.2: the first id "MUST be at least 8 bytes in
// length", and the client changes it only "in response to only the first received Initial or Retry packet". Deviation from
// RFC 9000 §17.2.5.2, "A client MUST accept and process at most one Retry packet for each connection attempt.", and
// 17.2.5.3: with the same handshake message.
func (c *Conn) takeCookie(now mono.Time, h *packet.Header) bool {
	if !c.client || c.authentic || h.Dst != c.ids.initial() || h.Version != c.config.Version || !bytes.Equal(h.Nonce, c.nonce[:]) {
		return false
	}
	cookie := string(h.Src[:]) + string(h.Token)
	if slices.Contains(c.tried, cookie) {
		return true
	}
	if len(c.tried) == maxTried {
		c.tried = slices.Delete(c.tried, 0, 1)
	}
	c.tried = append(c.tried, cookie)
	c.phase, c.tokened = connecting, false
	c.ids.peer.id = h.Src
	c.resetLevel(handshake.Initial)
	c.parked = nil
	c.initDue, c.initAt = false, now.Add(c.cookiePatience(now))
	c.begin(h.Token)
	return true
}

// versionsPatience is how many more INITs go unanswered before VERSIONS is believed. The first is sent at once, each gets InitialRTT.
const versionsPatience = 3

// takeVersions notes that the server seems to speak no version that this end does. It is an answer to this end's nonce, so only
// someone who sees the INIT can have sent it; but nothing else protects it, so it counts only if no COOKIE arrives, not even in reply to the
// next INITs. Someone who sees an INIT may answer faster than the server, and must not end the attempt that way. It is
// ignored if it offers what was asked for. RFC 9000 §6.2: "A client MUST discard any Version Negotiation packet if it has
// received and successfully processed any other packet", and one "that lists the QUIC version selected by the client".
// Deviation from RFC 9000 §6.2, it "MUST abandon the current connection attempt if it receives a Version Negotiation
// packet".
func (c *Conn) takeVersions(h *packet.Header) bool {
	if !c.client || !c.cookieless() || c.authentic || h.Dst != c.ids.initial() || !bytes.Equal(h.Nonce, c.nonce[:]) {
		return false
	}
	var versions []packet.Version
	for offered := h.Offered; len(offered) >= 4 && len(versions) < maxVersions; offered = offered[4:] {
		versions = append(versions, packet.Version(binary.BigEndian.Uint32(offered)))
	}
	if slices.Contains(versions, c.config.Version) {
		return false
	}
	if c.doubtedAt == 0 {
		c.doubtedAt, c.spoken, c.initDue = c.initsSent, versions, true
	}
	return true
}

// maxVersions bounds the versions of a VERSIONS packet that are looked at.
const maxVersions = 16

// initTimeout: no COOKIE came, or none that led to an ACCEPT, in time. Deviation from RFC 9002 §6.2.2.1, "the client MUST
// set the PTO timer if the client has not received an acknowledgment for any of its Handshake packets and the handshake is
// not confirmed […], even if there are no packets in flight".
func (c *Conn) initTimeout() {
	if c.cookieless() && c.doubtedAt > 0 && c.initsSent >= c.doubtedAt+versionsPatience {
		e := refusal("the server speaks no version that this end does")
		e.Err = &VersionError{Asked: c.config.Version, Offered: c.spoken}
		c.suspect(e)
		return
	}
	c.initDue = true
}

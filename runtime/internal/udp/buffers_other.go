//go:build !linux

package udp

import "net"

// growBuffers asks for large kernel buffers. What the kernel gives is enough to work.
func growBuffers(c *net.UDPConn) {
	c.SetReadBuffer(bufferBytes)
	c.SetWriteBuffer(bufferBytes)
}

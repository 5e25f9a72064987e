// SPDX-License-Identifier: BSD-2-Clause

package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"testing"
	"time"

	"tailscale.com/net/stun"
)

// askSTUN sends one datagram and describes the answer.
func askSTUN(name string, build func() []byte) relayCase {
	return relayCase{"STUN " + name, func(t *testing.T, r *relay) string {
		c, err := net.Dial("udp", r.stunAddr().String())
		if err != nil {
			t.Error(err)
			return ""
		}
		defer c.Close()
		request := build()
		buf := make([]byte, 1500)
		// a datagram may be lost; silence counts after several tries
		for range 3 {
			if _, err := c.Write(request); err != nil {
				t.Error(err)
				return ""
			}
			c.SetReadDeadline(time.Now().Add(quiet))
			n, err := c.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				continue
			}
			if err != nil {
				return "refused"
			}
			return describeSTUN(request, buf[:n], c.LocalAddr().String())
		}
		return "nothing"
	}}
}

func describeSTUN(request, answer []byte, local string) string {
	id, addr, err := stun.ParseResponse(answer)
	if err != nil {
		return fmt.Sprintf("bad answer %x", answer)
	}
	return fmt.Sprintf("answer, same id: %v, right address: %v",
		string(id[:]) == string(request[8:20]), addr.String() == local)
}

// rebuilt is a request after an edit, with length and fingerprint made anew.
func rebuilt(edit func([]byte) []byte) func() []byte {
	return func() []byte {
		b := stun.Request(stun.NewTxID())
		b = edit(b[:len(b)-8])
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)-20+8))
		sum := crc32.ChecksumIEEE(b) ^ 0x5354554e
		b = append(b, 0x80, 0x28, 0, 4)
		return binary.BigEndian.AppendUint32(b, sum)
	}
}

// spoiled is a request with some bytes changed afterwards.
func spoiled(edit func([]byte) []byte) func() []byte {
	return func() []byte { return edit(stun.Request(stun.NewTxID())) }
}

func stunCases() []relayCase {
	set := func(at int, v ...byte) func([]byte) []byte {
		return func(b []byte) []byte {
			copy(b[at:], v)
			return b
		}
	}
	return []relayCase{
		askSTUN("T58 request", rebuilt(func(b []byte) []byte { return b })),
		askSTUN("T59 19 bytes", spoiled(func(b []byte) []byte {
			return b[:19]
		})),
		askSTUN("T59 wrong cookie", rebuilt(set(4, 0x21, 0x12, 0xa4, 0x43))),
		askSTUN("T59 type 0101", rebuilt(set(0, 1, 1))),
		askSTUN("T59 top bits", rebuilt(set(0, 0xc0, 1))),
		askSTUN("T59 other software", rebuilt(set(24, 'x'))),
		askSTUN("T59 no software", rebuilt(func(b []byte) []byte {
			return b[:20]
		})),
		askSTUN("T59 bad fingerprint", spoiled(func(b []byte) []byte {
			b[len(b)-1] ^= 1
			return b
		})),
		askSTUN("T59 fingerprint not last", spoiled(func(b []byte) []byte {
			b = append(b, 0x80, 0x22, 0, 4, 'm', 'o', 'r', 'e')
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)-20))
			return b
		})),
		askSTUN("T59 trailing byte", spoiled(func(b []byte) []byte {
			return append(b, 0)
		})),
	}
}

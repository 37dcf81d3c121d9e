package embedded

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// brokerAddr is what the broker calls itself in its answers. Nothing listens
// there: Dial ignores addresses. It only has to be host:port.
const brokerAddr = "embedded:1"

// maxSocketPath is the longest path that fits into a sockaddr_un of Linux (108)
// and of the BSDs (104), less its zero byte.
const maxSocketPath = 103

// listen makes the socket in place of the TCP port that the broker asks for.
func (b *Broker) listen(_, _ string) (net.Listener, error) {
	if b.socket == "" {
		b.socket = filepath.Join(b.cfg.Dir, "broker.sock")
	}
	if len(b.socket) > maxSocketPath {
		// A folder of its own, made with mode 0700.
		dir, err := os.MkdirTemp("", "sluice-broker-")
		if err != nil {
			return nil, err
		}
		b.socket = filepath.Join(dir, "broker.sock")
	}
	// Left behind by a kill. We hold the folder's lock, so nobody listens.
	if err := os.Remove(b.socket); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("remove an old socket: %w", err)
	}
	l, err := net.Listen("unix", b.socket)
	if err != nil {
		return nil, err
	}
	return named{l}, nil
}

// removeSocket also removes the folder that listen made for it.
func (b *Broker) removeSocket() {
	os.Remove(b.socket)
	if dir := filepath.Dir(b.socket); dir != filepath.Clean(b.cfg.Dir) {
		os.Remove(dir)
	}
}

// named is a listener whose address reads as host:port.
type named struct{ net.Listener }

func (named) Addr() net.Addr { return fixedAddr{} }

type fixedAddr struct{}

func (fixedAddr) Network() string { return "unix" }
func (fixedAddr) String() string  { return brokerAddr }

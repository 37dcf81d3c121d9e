package embedded

import (
	"context"
	"net"

	"github.com/sluice-events/sluice/internal/stream"
)

// Socket is the path of the broker's unix socket.
func (b *Broker) Socket() string { return b.socket }

// ClientOf is the configuration of a client of the broker behind a socket, which may run in
// another process.
func ClientOf(socket string) stream.Config {
	return stream.Config{
		Brokers: []string{brokerAddr},
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}
}

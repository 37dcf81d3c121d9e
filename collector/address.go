package collector

import (
	"net"
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/sluice-events/sluice/event"
	"github.com/sluice-events/sluice/internal/seal"
)

// client is who sent a request. The full address stays in here until the request is
// answered.
type client struct {
	unprintable
	key      *key
	addr     event.Addr
	received int64 // Unix ms

	// What was made of addr for events that declare an address; each once per request.
	made   bool
	mac    [16]byte
	sealed []byte
}

// peer finds the sender's address: that of the connection, or, behind proxies the operator
// trusts, the last one of X-Forwarded-For that is not such a proxy. What anybody else
// writes into that header is ignored.
func (c *Collector) peer(ctx *fasthttp.RequestCtx) netip.Addr {
	tcp, ok := ctx.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if !c.trusted(addr) {
		return addr
	}
	var hops []string
	for _, h := range ctx.Request.Header.PeekAll(fasthttp.HeaderXForwardedFor) {
		hops = append(hops, strings.Split(view(h), ",")...)
	}
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := parseAddr(hops[i])
		if !ok {
			break // what stands before a hop that cannot be read cannot be trusted
		}
		addr = hop
		if !c.trusted(addr) {
			break
		}
	}
	return addr
}

func (c *Collector) trusted(a netip.Addr) bool {
	for _, p := range c.cfg.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// parseAddr reads an address, also with a port or in brackets.
func parseAddr(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap().WithZone(""), true
}

// network cuts an address to the policy's length.
func (p *plan) network(a netip.Addr) netip.Prefix {
	if !a.IsValid() {
		return netip.Prefix{}
	}
	length := p.v6
	if a.Is4() {
		length = p.v4
	}
	n, err := a.Prefix(length)
	if err != nil {
		return netip.Prefix{}
	}
	return n
}

// clientAddress looks at an address among an event's properties. Only servers may say
// where their user sits; from anyone else it is a claim we know better.
func (n *normaliser) clientAddress(v event.Value) bool {
	if n.client.key.Server && n.m.ctx.ip == "" {
		n.m.ctx.ip = v.Str()
	}
	return true
}

// address cuts the sender's address: the network always, its MAC and sealed copy only
// where the event declares an address. A server's own address is nobody's: with such a key
// an event without an address of its user gets none.
func (n *normaliser) address(raw *event.Raw) error {
	a, own := n.client.addr.Reveal(), true
	if n.client.key.Server {
		var ok bool
		if a, ok = parseAddr(n.m.ctx.ip); !ok {
			return nil
		}
		own = false
	}
	n.m.ctx.ip = ""
	raw.Net = n.p.network(a)
	if !n.e.address || !a.IsValid() {
		return nil
	}
	if own && n.client.made {
		raw.IPMac, raw.IPSealed = n.client.mac, n.client.sealed
		return nil
	}
	mac, sealed, err := n.c.addresses.make(n.client.key.Tenant, n.p, n.client.received, a)
	if err != nil {
		n.c.metrics.failed(errKeys)
		return &refusal{status: 503, why: refusedInternal, code: "keys"}
	}
	raw.IPMac, raw.IPSealed = mac, sealed
	if own {
		n.client.made, n.client.mac, n.client.sealed = true, mac, sealed
	}
	return nil
}

// addresses makes what may be kept of a full address. It is safe for concurrent use.
type addresses struct {
	keys   Keys
	sealer *seal.IPSealer
}

// make gives the MAC under the key of the policy's local day, and the sealed copy.
func (s *addresses) make(tenant string, p *plan, received int64, a netip.Addr) (mac [16]byte, sealed []byte, err error) {
	key, err := s.keys.IPDay(localDay(received, p.pol.Zone))
	if err != nil {
		return mac, nil, err
	}
	m, err := seal.NewMAC(key)
	if err != nil {
		return mac, nil, err
	}
	defer m.Clear()
	b := a.As16()
	m.Sum128(&mac, []byte("sluice.ip.v1\x00"), []byte(tenant), []byte{0}, b[:])
	sealed, err = s.sealer.Seal(nil, a)
	clear(b[:])
	return mac, sealed, err
}

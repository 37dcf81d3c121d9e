package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Hosts are the names under which an operator reaches the admin port. A foreign page can
// point a name of its own at this address (DNS rebinding) and have a browser read what is
// meant for the operator alone, so a name that nobody configured is refused. The zero value
// takes loopback alone. Hosts is not changed by use and safe for concurrent use.
type Hosts struct {
	names map[string]bool
}

// NewHosts takes the host of a listening address such as "127.0.0.1:8081", and further
// names, with or without a port, under which a proxy or a cluster reaches it.
func NewHosts(listen string, names ...string) Hosts {
	h := Hosts{names: make(map[string]bool)}
	for _, n := range append(names, listen) {
		if n = bare(n); n != "" {
			h.names[n] = true
		}
	}
	return h
}

// bare is the host of "host:port" in the form in which hosts are compared.
func bare(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// knows reports whether a request names this port. An address is taken if it is loopback or
// the very one the connection came in on: no name can be rebound to change that.
func (h Hosts) knows(r *http.Request) bool {
	host := bare(r.Host)
	if host == "localhost" || h.names[host] {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if ip = ip.Unmap(); ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && at.Addr().Unmap().WithZone("") == ip
}

// foreign reports whether a page of another origin makes the browser ask. Following a link
// to the page is not asking: what comes is shown to the person and not to the other page.
func foreign(r *http.Request) bool {
	if o := r.Header.Get("Origin"); o != "" {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return true
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	link := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	return !link || r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "/api/")
}

// Guard passes on what comes under a known name and from no foreign page.
func (h Hosts) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !h.knows(r):
			http.Error(w, "this name is not known here: open the page by its address, or add the name to admin.hosts", http.StatusMisdirectedRequest)
		case foreign(r):
			http.Error(w, "requests of other pages are refused", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// harden forbids a browser everything the page does not need: scripts, styles and images of
// others, inline ones, forms, frames.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
		h.Set("Cache-Control", "no-cache")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		next.ServeHTTP(w, r)
	})
}

package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// ask sends a request to a guarded handler as if it had come in on a local address.
func ask(h Hosts, method, path, host, local string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	if local != "" {
		addr, err := net.ResolveTCPAddr("tcp", local)
		if err != nil {
			panic(err)
		}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(addr)))
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "inside") })).ServeHTTP(w, r)
	return w
}

// A name that somebody else points at this address is refused, whatever the port.
func TestHost(t *testing.T) {
	loopback := NewHosts("127.0.0.1:8081")
	f := func(h Hosts, host, local string, ok bool) {
		t.Helper()
		w := ask(h, http.MethodGet, "/api/account", host, local)
		if got := w.Code == http.StatusOK; got != ok || !ok && (w.Code != http.StatusMisdirectedRequest || strings.Contains(w.Body.String(), "inside")) {
			t.Errorf("host %q on %s: %d %s", host, local, w.Code, w.Body)
		}
	}
	for _, host := range []string{"127.0.0.1:8081", "127.0.0.1", "127.8.9.1:9", "localhost:8081", "LOCALHOST", "localhost.:8081", "[::1]:8081", "[::ffff:127.0.0.1]:1", "0.0.0.0:8081", "[::]:8081"} {
		f(loopback, host, "127.0.0.1:8081", true)
		f(Hosts{}, host, "127.0.0.1:8081", true)
	}
	for _, host := range []string{"", "evil.example", "evil.example:8081", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example#127.0.0.1", "127.0.0.1@evil.example",
		"2130706433", "0x7f.1", "192.168.1.9:8081", "10.0.0.5", "[fe80::1]:8081", "local\x00host", "xn--localhost-", ":8081", "localhost:80:80"} {
		f(loopback, host, "127.0.0.1:8081", false)
	}
	f(loopback, "evil.example", "", false)
	f(loopback, "10.0.0.5", "", false)
	lan := NewHosts("0.0.0.0:8081", "Sluice.internal", "admin.example:443", "")
	f(lan, "sluice.internal:8081", "10.0.0.5:8081", true)
	f(lan, "admin.example", "10.0.0.5:8081", true)
	f(lan, "10.0.0.5:8081", "10.0.0.5:8081", true)
	f(lan, "10.0.0.6:8081", "10.0.0.5:8081", false)
	f(lan, "evil.example:8081", "10.0.0.5:8081", false)
	f(lan, "", "10.0.0.5:8081", false)
	f(NewHosts("admin.example:8081"), "admin.example:8081", "10.0.0.5:8081", true)
	f(NewHosts("[fd00::5]:8081"), "[fd00::5]:8081", "", true)
	f(NewHosts(":8081"), "evil.example:8081", "", false)
}

// What another page makes a browser ask is refused; what an operator opens is not.
func TestOrigin(t *testing.T) {
	h := NewHosts("127.0.0.1:8081")
	const own = "127.0.0.1:8081"
	f := func(ok bool, method, path string, header ...string) {
		t.Helper()
		w := ask(h, method, path, own, own, header...)
		if got := w.Code == http.StatusOK; got != ok || !ok && w.Code != http.StatusForbidden {
			t.Errorf("%s %s %q: %d", method, path, header, w.Code)
		}
	}
	const site, mode, dest = "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"
	f(true, "GET", "/api/account")
	f(true, "GET", "/api/account", "Origin", "http://127.0.0.1:8081", site, "same-origin")
	f(true, "GET", "/", site, "none", mode, "navigate", dest, "document")
	f(true, "GET", "/", site, "cross-site", mode, "navigate", dest, "document") // a link in a wiki
	for _, origin := range []string{"https://evil.example", "http://127.0.0.1:8080", "http://localhost:8081", "null", "http://", "%zz", "file://"} {
		f(false, "GET", "/api/account", "Origin", origin)
		f(false, "OPTIONS", "/api/account", "Origin", origin)
		f(false, "GET", "/metrics", "Origin", origin)
	}
	for _, from := range []string{"cross-site", "same-site", "something-new"} {
		f(false, "GET", "/api/account", site, from, mode, "no-cors", dest, "script")
		f(false, "GET", "/api/account", site, from, mode, "navigate", dest, "document")
		f(false, "GET", "/app.js", site, from, mode, "no-cors", dest, "script")
		f(false, "GET", "/", site, from, mode, "navigate", dest, "iframe")
		f(false, "POST", "/", site, from, mode, "navigate", dest, "document")
	}
}

// On a real listener the address of the connection is known without the test's help.
func TestGuardOnListener(t *testing.T) {
	srv := httptest.NewServer(Handler(source{}.web(), NewHosts("127.0.0.1:0")))
	defer srv.Close()
	for host, want := range map[string]int{"": 200, "localhost:1": 200, "evil.example": 421} {
		for _, path := range []string{"/", "/app.js", "/api/account", "/api/last", "/api/about"} {
			req, err := http.NewRequest(http.MethodGet, srv.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s under %q: %d, want %d", path, host, resp.StatusCode, want)
			}
		}
	}
}

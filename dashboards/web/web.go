// Package web is the built-in page: what the pipeline took, stored, dropped and rejected,
// and what became of the last events. In come two sources of figures; out goes a page that
// works offline and shows names, counts and reasons, never a value.
package web

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"strconv"
	"time"
)

//go:embed static
var static embed.FS

// Account is the live account. It closes when Accepted = Stored + all Dropped + all
// Rejected + InFlight.
type Account struct {
	Accepted uint64            `json:"accepted"`
	Stored   uint64            `json:"stored"`
	Dropped  map[string]uint64 `json:"dropped"`  // by reason
	Rejected map[string]uint64 `json:"rejected"` // by reason
	InFlight uint64            `json:"in_flight"`
	Rows     map[string]uint64 `json:"rows"`     // by store
	Withheld map[string]uint64 `json:"withheld"` // by store:reason, event and store pairs
	Closed   bool              `json:"closed"`
}

// Source is where the figures come from. Both are called concurrently.
type Source struct {
	Account func(context.Context) (Account, error)
	Last    func(n int) any // traces, the newest first
	About   func() any      // policy, revision, addresses
}

// Handler serves the page under / and its figures under /api/.
func Handler(src Source) http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /api/account", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		a, err := src.Account(ctx)
		if err != nil {
			http.Error(w, "the store or the broker does not answer", http.StatusServiceUnavailable)
			return
		}
		answer(w, a)
	})
	mux.HandleFunc("GET /api/last", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil || n < 1 || n > 200 {
			n = 20
		}
		answer(w, src.Last(n))
	})
	mux.HandleFunc("GET /api/about", func(w http.ResponseWriter, _ *http.Request) { answer(w, src.About()) })
	return guard(mux)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(v)
}

// guard forbids everything the page does not need: scripts of others, frames, and requests
// that a foreign page makes a browser send under another host name.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

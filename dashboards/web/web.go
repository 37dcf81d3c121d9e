// Package web is the built-in page: what the pipeline took, stored, dropped and rejected,
// and what became of the last events. In come sources of figures; out goes a page that
// works offline and shows names, counts and reasons, never a value. It answers only under
// the names it knows, and no page of somebody else.
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
	Door     Door              `json:"door"`
}

// Door is what never entered the account, by reason, since the process started.
type Door struct {
	Refused   map[string]uint64 `json:"refused,omitempty"`   // requests
	Discarded map[string]uint64 `json:"discarded,omitempty"` // events that were read and not taken
}

// Event is what became of one event.
type Event struct {
	Time      time.Time `json:"time"` // when it was received
	Event     string    `json:"event"`
	Declared  bool      `json:"declared"` // the policy has an entry of this name
	Subject   string    `json:"subject"`  // user, install or none: the kind, never the id
	Reason    string    `json:"reason"`   // kept, or why no store has it
	Advice    string    `json:"advice,omitempty"`
	CutAtDoor int       `json:"cut_at_door"` // properties the collector removed
	Stores    []Outcome `json:"stores"`
}

// Outcome is one store's share of an event.
type Outcome struct {
	Purpose string   `json:"purpose"`
	Store   string   `json:"store"`
	Clause  string   `json:"clause"`
	Kept    []string `json:"kept,omitempty"`   // columns that hold something
	Reason  string   `json:"reason,omitempty"` // why there is no row
	Advice  string   `json:"advice,omitempty"` // what would have it kept
}

// About is what holds for as long as the process runs.
type About struct {
	Policy  string            `json:"policy"`
	Rev     uint32            `json:"rev"`
	Version string            `json:"version"`
	Signals bool              `json:"signals_may_grant"` // a consent object in an event may grant
	Stores  []Store           `json:"stores"`
	Reasons map[string]Reason `json:"reasons"`
	Try     Try               `json:"try"`
}

// Store is a table for one purpose.
type Store struct {
	Store   string `json:"store"`
	Purpose string `json:"purpose"`
	Clause  string `json:"clause"` // of the notice
}

// Reason puts a reason of the account into words.
type Reason struct {
	What   string `json:"what"`
	Advice string `json:"advice"`
}

// Try is a first event that a newcomer can send. Write keys are public: browsers show them.
type Try struct {
	URL  string `json:"url"`
	Key  string `json:"key"`
	Body string `json:"body"`
}

// Source is where the figures come from. All are called concurrently. An error means that
// the part is not up; its text is not shown.
type Source struct {
	Account func(context.Context) (Account, error)
	Last    func(n int) ([]Event, error) // the newest first
	About   func() About
}

// Handler serves the page under / and its figures under /api/, to hosts only.
func Handler(src Source, hosts Hosts) http.Handler {
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
		answer(w, a, err)
	})
	mux.HandleFunc("GET /api/last", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil || n < 1 || n > 200 {
			n = 20
		}
		events, err := src.Last(n)
		answer(w, veil(events), err)
	})
	mux.HandleFunc("GET /api/about", func(w http.ResponseWriter, _ *http.Request) { answer(w, src.About(), nil) })
	return hosts.Guard(harden(mux))
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		http.Error(w, "the store or the broker does not answer", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/dashboards/web"
)

func statusCommand() *cobra.Command {
	c := &cobra.Command{Use: "status", Short: "What runs, what is ready, and the account", Args: cobra.NoArgs}
	h := dataFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		out := c.OutOrStdout()
		body, code, err := h.adminGet(c.Context(), "/readyz")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s", body)
		acc, err := h.account(c.Context())
		if err != nil {
			return err
		}
		printAccount(out, acc)
		if code != http.StatusOK {
			return fmt.Errorf("not every part is ready")
		}
		return nil
	}
	return c
}

// account reads the live account of what runs on the data folder.
func (h home) account(ctx context.Context) (web.Account, error) {
	var a web.Account
	body, code, err := h.adminGet(ctx, "/api/account")
	if err != nil {
		return a, err
	}
	if code != http.StatusOK {
		return a, fmt.Errorf("no account: %s", body)
	}
	return a, json.Unmarshal(body, &a)
}

func printAccount(out io.Writer, a web.Account) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, n uint64) { fmt.Fprintf(w, "%s\t%d\t\n", name, n) }
	line("accepted", a.Accepted)
	line("stored", a.Stored)
	for _, r := range slices.Sorted(maps.Keys(a.Dropped)) {
		line("dropped: "+r, a.Dropped[r])
	}
	for _, r := range slices.Sorted(maps.Keys(a.Rejected)) {
		line("rejected: "+r, a.Rejected[r])
	}
	line("in flight", a.InFlight)
	w.Flush()
	if a.Closed {
		fmt.Fprintln(out, "the account closes: accepted = stored + dropped + rejected + in flight")
	} else {
		fmt.Fprintln(out, "the account does not close at this moment; while events are being written that is normal")
	}
	fmt.Fprintln(out, "rows by store:")
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, s := range slices.Sorted(maps.Keys(a.Rows)) {
		line(s, a.Rows[s])
	}
	w.Flush()
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// database is where the stores are.
const database = "sluice"

func queryCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   `query "SQL"`,
		Short: "Ask the stores; reads only",
		Example: `  sluice query "SHOW TABLES"
  sluice query "SELECT event, count() FROM ev_service GROUP BY event ORDER BY count() DESC"
  sluice query --format CSVWithNames "SELECT * FROM sluice_account" > account.csv`,
		Args: exactArgs(1, "one statement in quotes"),
	}
	h := dataFlag(c)
	c.Flags().StringVar(&format, "format", "PrettyCompactMonoBlock", "ClickHouse output format")
	c.RunE = func(c *cobra.Command, args []string) error {
		return h.query(c.Context(), args[0], format, c.OutOrStdout())
	}
	return c
}

// query runs one statement as the reader and copies the answer to w.
func (h home) query(ctx context.Context, sql, format string, w io.Writer) error {
	if err := h.require(); err != nil {
		return err
	}
	addr, err := h.addr("clickhouse")
	if err != nil {
		return err
	}
	password, err := h.password("reader")
	if err != nil {
		return err
	}
	args := url.Values{"database": {database}, "default_format": {format}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/?"+args.Encode(), strings.NewReader(sql))
	if err != nil {
		return err
	}
	req.Header.Set("X-ClickHouse-User", "reader")
	req.Header.Set("X-ClickHouse-Key", password)
	resp, err := (&http.Client{Transport: &http.Transport{Proxy: nil}}).Do(req)
	if err != nil {
		return errors.New("the store does not answer: is `sluice up` running on this data folder? `sluice doctor` names the part that fails")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return errors.New(strings.TrimSpace(string(text)))
	}
	_, err = io.Copy(w, resp.Body)
	return err
}

// adminGet reads from the admin port of what runs on the data folder.
func (h home) adminGet(ctx context.Context, path string) ([]byte, int, error) {
	if err := h.require(); err != nil {
		return nil, 0, err
	}
	addr, err := h.addr("admin")
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := (&http.Client{Transport: &http.Transport{Proxy: nil}}).Do(req)
	if err != nil {
		return nil, 0, fmt.Errorf("sluice does not answer on its admin port: start it with `sluice up --data %s`", h.dir)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	return body, resp.StatusCode, err
}

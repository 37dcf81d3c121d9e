package schema

import (
	"context"
	"encoding/hex"
	"fmt"
)

// Apply runs a plan's steps as they are printed, and after the last adds a line to the
// history: nothing else. It refuses to begin when a decision blocks, so that a server is
// never left half way for that reason. Every step can be run again: a second Apply after a
// failure does what the first left undone.
func Apply(ctx context.Context, c Conn, s *Schema, p *Plan) error {
	if err := p.Err(); err != nil {
		return err
	}
	for _, st := range p.Steps {
		if err := c.Exec(ctx, st.SQL); err != nil {
			return fmt.Errorf("schema: %s: %w", st.Object, err)
		}
	}
	return s.record(ctx, c, len(p.Steps))
}

// record writes one line into the history when this schema is not its last one already.
func (s *Schema) record(ctx context.Context, c Conn, steps int) error {
	hash := hex.EncodeToString(s.Hash[:])
	last, err := c.Strings(ctx, "SELECT hash FROM "+s.ref(HistoryTable)+" WHERE policy = {p:String} ORDER BY ts DESC, rev DESC LIMIT 1", map[string]string{"p": s.Policy})
	if err != nil {
		return fmt.Errorf("schema: read the history: %w", err)
	}
	if steps == 0 && len(last) > 0 && last[0][0] == hash {
		return nil
	}
	sql := fmt.Sprintf("INSERT INTO %s (ts, policy, rev, hash, steps) SELECT now('UTC'), %s, %d, %s, %d", s.ref(HistoryTable), Quote(s.Policy), s.Rev, Quote(hash), steps)
	if err := c.Exec(ctx, sql); err != nil {
		return fmt.Errorf("schema: write the history: %w", err)
	}
	return nil
}

// Migrate reads the server, plans and applies. The plan is returned also with an error, to
// be printed.
func Migrate(ctx context.Context, c Conn, s *Schema) (*Plan, error) {
	st, err := Read(ctx, c, s.Options.Database)
	if err != nil {
		return nil, err
	}
	p := s.Plan(st)
	return p, Apply(ctx, c, s, p)
}

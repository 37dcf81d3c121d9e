package clickhouse

import (
	"context"
	"testing"

	"github.com/sluice-events/sluice/sinks/schema"
)

// What was created must be found again: a second look at the server plans nothing. This
// holds the generator's spelling against the server's.
func TestSchemaOnEngine(t *testing.T) {
	for _, name := range []string{"cn-edu", "starter"} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			_, s, sc := migrated(t, shipped(t, name))
			st, err := schema.Read(ctx, s, "sluice")
			if err != nil {
				t.Fatal(err)
			}
			if len(st.Tables) != len(sc.Tables)+len(sc.Views) {
				t.Errorf("%d tables and views on the server, want %d", len(st.Tables), len(sc.Tables)+len(sc.Views))
			}
			if p := sc.Plan(st); len(p.Steps) != 0 || len(p.Decisions) != 0 {
				t.Errorf("the second plan is not empty:\n%s", p)
			}
			history, err := s.Strings(ctx, "SELECT policy, toString(rev), toString(steps) FROM sluice.sluice_schema", nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(history) != 1 || history[0][0] != name {
				t.Errorf("history: %q", history)
			}
		})
	}
}

package clickhouse

import (
	"bytes"
	"context"
	"io"
	"maps"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/sluice-events/sluice/sinks"
)

// settings of every insert with a token.
func (s *Sink) settings(token string) ch.Settings {
	out := ch.Settings{
		"insert_deduplicate":         1,
		"insert_deduplication_token": token,
		// the token reaches the tables that views fill, which have windows of their own
		"deduplicate_blocks_in_dependent_materialized_views": 1,
		"async_insert": 0,
		// the answer comes after the commit, and its status tells the truth
		"wait_end_of_query": 1,
		// a key of the client that stands in a text twice must not cost the batch
		"type_json_skip_duplicated_paths": 1,
	}
	if s.cfg.Cluster {
		out["insert_quorum"] = "auto"
		out["distributed_foreground_insert"] = 1
	}
	return out
}

// insert sends one block. sent is false when the server cannot have seen it.
func (s *Sink) insert(ctx context.Context, l *layout, src source, token string) (sum summary, sent bool, err error) {
	settings := s.settings(token)
	if s.cfg.Protocol == Native {
		delete(settings, "wait_end_of_query") // an argument of the HTTP interface only
		return s.insertColumns(ctx, l, src, settings)
	}
	e := s.encoders.Get().(*encoder)
	defer s.encoders.Put(e)
	block := e.encode(l, src)
	var body io.Reader = bytes.NewReader(block)
	if s.cfg.Compression != NoCompression {
		f := s.frames.Get().(*frames)
		defer s.frames.Put(f)
		f.reset(block)
		body, sum.framed = onlyReader{f}, true
	}
	ctx = ch.Context(withSummary(ctx, &sum), ch.WithSettings(settings))
	err = s.conn.InsertFormat(ctx, "Native", l.insert, body)
	return sum, true, err
}

// onlyReader hides everything but Read.
type onlyReader struct{ io.Reader }

// insertColumns sends the rows through the driver's own columns.
func (s *Sink) insertColumns(ctx context.Context, l *layout, src source, settings ch.Settings) (sum summary, sent bool, err error) {
	types := make([]ch.ColumnNameAndType, len(l.cols))
	for i, c := range l.cols {
		types[i] = ch.ColumnNameAndType{Name: c.name, Type: c.wire}
	}
	ctx = ch.Context(withSummary(ctx, &sum), ch.WithSettings(maps.Clone(settings)), ch.WithColumnNamesAndTypes(types),
		ch.WithProgress(func(p *ch.Progress) {
			sum.told = sum.told || p.WroteRows > 0
			sum.written += p.WroteRows
		}))
	b, err := s.conn.PrepareBatch(ctx, l.insert)
	if err != nil {
		return sum, false, err
	}
	defer func() { _ = b.Close() }() // after Send there is nothing to close
	if err := appendAll(b, l, src); err != nil {
		return sum, false, &notTaken{err}
	}
	if b.Rows() != src.Rows() {
		return sum, false, &notTaken{sinks.ErrPoison}
	}
	return sum, true, b.Send()
}

// notTaken is an error of the driver's columns: they do not take these values.
type notTaken struct{ error }

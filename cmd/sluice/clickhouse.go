package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/internal/engine"
)

// clickhouseCommand is the embedded engine's own process. `sluice up` starts it; its
// configuration comes through standard input, and the end of that input is its end.
func clickhouseCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "clickhouse",
		Short:  "The embedded ClickHouse engine (started by sluice up)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := engine.ReadConfig(os.Stdin)
			if err != nil {
				return usage("this command is started by `sluice up`: %w", err)
			}
			log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
			return engine.Main(context.Background(), cfg, os.Stdin, log)
		},
	}
}

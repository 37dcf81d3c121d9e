// Command sluice is the whole pipeline in one binary, and the commands to look after it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	_ "time/tzdata" // days turn in the policy's zone, also on machines without zone files

	"github.com/spf13/cobra"
)

func main() {
	ctx := context.Background()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "sluice: "+err.Error())
		var coded *exitError
		if errors.As(err, &coded) {
			os.Exit(coded.code)
		}
		os.Exit(1)
	}
}

// Exit codes beside 1, a failed check.
const (
	exitUsage  = 2  // an argument is missing or wrong
	exitConfig = 78 // the configuration is refused
)

// exitError is an error with an exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usage(format string, a ...any) error { return &exitError{exitUsage, fmt.Errorf(format, a...)} }
func refused(err error) error             { return &exitError{exitConfig, err} }

// dataFlag is the data folder that most commands need.
func dataFlag(c *cobra.Command) *home {
	h := new(home)
	c.Flags().StringVar(&h.dir, "data", "data", "data folder of the installation")
	return h
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "sluice",
		Short: "Analytics event tracking with privacy built in",
		Long: `sluice takes tracking events over HTTP and stores them in ClickHouse, one table a purpose,
as far as the policy file and each person's consent allow.

  sluice up                      start everything on ./data
  sluice query "SELECT …"        ask the stores
  sluice explain --last 20       what was stored and dropped of the last events, and why
  sluice doctor                  follow one event through and name the first part that fails`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%w", err) })
	c.AddCommand(upCommand(), clickhouseCommand(), queryCommand(), statusCommand(), doctorCommand(), explainCommand(),
		policyCommand(), migrateCommand(), pidCommand(), tokenCommand(), replayCommand(), demoCommand())
	return c
}

// version is set by the linker for releases.
var version = "dev"

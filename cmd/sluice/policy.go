package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/policy"
)

func policyCommand() *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "Check and print policy files"}
	c.AddCommand(policyCheck(), policyDocs())
	return c
}

func policyCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE",
		Short:   "Compile a policy file; every problem is named with its line",
		Example: "  sluice policy check deploy/policies/starter.yaml",
		Args:    exactArgs(1, "the policy file"),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := loadPolicy(args[0])
			if err != nil {
				return err
			}
			for _, w := range p.Warnings {
				fmt.Fprintf(c.OutOrStdout(), "warning: %s:%d: %s: %s; want %s\n", args[0], w.Line, w.Key, w.Msg, w.Want)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s revision %d compiles: %d purposes, %d events, %d stores\n", p.Name, p.Rev, len(p.Purposes), len(p.Order), len(p.Stores))
			return nil
		},
	}
}

// loadPolicy compiles a file; problems come one a line, without a prefix of their own.
func loadPolicy(path string) (*policy.Policy, error) {
	p, err := policy.Load(path)
	var problems policy.Problems
	if errors.As(err, &problems) {
		return nil, fmt.Errorf("the policy does not compile\n%w", err)
	}
	return p, err
}

func policyDocs() *cobra.Command {
	var file, out string
	c := &cobra.Command{
		Use:     "docs --policy FILE --out DIR",
		Short:   "Write the notice tables, the JSON Schema and the data dictionary of a policy",
		Example: "  sluice policy docs --policy deploy/policies/starter.yaml --out docs/starter",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" || out == "" {
				return usage("--policy and --out are needed")
			}
			p, err := loadPolicy(file)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(out, 0o755); err != nil {
				return err
			}
			for name, write := range map[string]func(io.Writer) error{
				"PRIVACY.md":         p.WritePrivacy,
				"events.schema.json": p.WriteSchema,
				"DICTIONARY.md":      p.WriteDictionary,
			} {
				var b bytes.Buffer
				if err := write(&b); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(out, name), b.Bytes(), 0o644); err != nil {
					return err
				}
				fmt.Fprintln(c.OutOrStdout(), filepath.Join(out, name))
			}
			return nil
		},
	}
	c.Flags().StringVar(&file, "policy", "", "policy file")
	c.Flags().StringVar(&out, "out", "", "folder to write to")
	return c
}

// exactArgs is cobra.ExactArgs with an error that says what is missing.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("needs %s", what)
		}
		return nil
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package command has the commands of the plugin, one a file.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

// Run runs the command line and returns its exit code, which docs/plugin.md lists. What went wrong is written to the error stream. An interrupt
// ends what the command waits for.
func Run(f *cli.Factory, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := NewRoot(f)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !errors.As(err, &failure{}) {
		// Every error that is not of a command is one of the command line.
		err = cli.UsageErrorf("%w\nSee: %s --help", err, cmd.CommandPath())
	}
	if err != nil && !errors.Is(err, cli.ErrReported) {
		fmt.Fprintln(f.ErrOut, "error:", cli.Explain(err))
	}
	return cli.ExitCode(err)
}

// failure is an error that a command returned when it ran.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// NewRoot returns the command "kubectl haltline" with all its commands.
func NewRoot(f *cli.Factory) *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-haltline",
		Short:         "Run pipelines, and stop them",
		Long:          "Start, stop, approve and retry executions of pipelines, and see what they do.",
		Version:       f.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl haltline"},
	}
	root.SetIn(f.In)
	root.SetOut(f.Out)
	root.SetErr(f.ErrOut)
	f.Flags.AddFlags(root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: groupChange, Title: "Commands that change something:"},
		&cobra.Group{ID: groupRead, Title: "Commands that read:"},
	)
	root.SetUsageTemplate(withoutFlagsOfKubectl(root.UsageTemplate()))
	addCommands(root, groupChange, changingCommands(f))
	addCommands(root, groupRead, readingCommands(f))
	return root
}

// The groups of commands in the help.
const (
	groupChange = "change"
	groupRead   = "read"
)

func addCommands(root *cobra.Command, group string, commands []*cobra.Command) {
	for _, cmd := range commands {
		cmd.GroupID = group
		run := cmd.RunE
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := run(cmd, args); err != nil {
				return failure{err}
			}
			return nil
		}
		root.AddCommand(cmd)
	}
}

// withoutFlagsOfKubectl returns a usage template that does not list the flags which every command of kubectl has.
func withoutFlagsOfKubectl(template string) string {
	return strings.NewReplacer(
		".HasAvailableLocalFlags", ".LocalNonPersistentFlags.HasAvailableFlags",
		".LocalFlags.FlagUsages", ".LocalNonPersistentFlags.FlagUsages",
		"Global Flags:\n{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}",
		"The flags of kubectl that choose a cluster, a namespace and a user work as well: kubectl options",
	).Replace(template)
}

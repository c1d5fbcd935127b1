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
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, cli.ErrReported) {
		fmt.Fprintln(f.ErrOut, "error:", cli.Explain(err))
	}
	return cli.ExitCode(err)
}

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
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cli.UsageErrorf("%w\nSee %s --help", err, cmd.CommandPath())
	})
	root.AddGroup(
		&cobra.Group{ID: groupChange, Title: "Commands that change something:"},
		&cobra.Group{ID: groupRead, Title: "Commands that read:"},
	)
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
		root.AddCommand(cmd)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// dryRunChoices are the values of --dry-run, as kubectl has them.
var dryRunChoices = []string{"none", "client", "server"}

// DryRun is the flag --dry-run.
type DryRun struct {
	value string
}

// AddDryRunFlag adds --dry-run to a command.
func AddDryRunFlag(cmd *cobra.Command) *DryRun {
	d := &DryRun{}
	cmd.Flags().StringVar(&d.value, "dry-run", "none",
		"none, client or server. client only prints what would be done; server also asks the API server whether it would accept that.")
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions(dryRunChoices, cobra.ShellCompDirectiveNoFileComp))
	return d
}

// Check returns a usage error if the value is unknown.
func (d *DryRun) Check() error {
	if slices.Contains(dryRunChoices, d.value) {
		return nil
	}
	return UsageErrorf("--dry-run: found %q; want %s", d.value, strings.Join(dryRunChoices, ", "))
}

// IsSet reports whether nothing may be changed.
func (d *DryRun) IsSet() bool { return d.value != "none" }

// Create creates an object, unless the dry run is one of the client.
func (d *DryRun) Create(create func(...client.CreateOption) error) error {
	switch d.value {
	case "client":
		return nil
	case "server":
		return create(client.DryRunAll)
	default:
		return create()
	}
}

// Suffix is what is appended to a line about something that was not really done.
func (d *DryRun) Suffix() string {
	if !d.IsSet() {
		return ""
	}
	return " (" + d.value + " dry run)"
}

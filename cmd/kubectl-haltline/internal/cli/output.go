// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// wide is the format for people with more columns.
const wide = "wide"

// Output is the flag -o of a command, with the formats that kubectl has.
type Output struct {
	flags   *genericclioptions.PrintFlags
	formats []string
}

// AddOutputFlag adds -o to a command.
func AddOutputFlag(cmd *cobra.Command) *Output {
	o := &Output{flags: genericclioptions.NewPrintFlags("").WithTypeSetter(Scheme)}
	o.flags.AddFlags(cmd)
	for _, rarelyUsed := range []string{"allow-missing-template-keys", "show-managed-fields", "template"} {
		cmd.Flags().Lookup(rarelyUsed).Hidden = true
	}
	o.formats = append(o.flags.AllowedFormats(), wide)
	slices.Sort(o.formats)
	cmd.Flags().Lookup("output").Usage = "How the result is printed: for people if it is left out, or wide, json, yaml, name, jsonpath=..., go-template=..."
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(o.formats, cobra.ShellCompDirectiveNoFileComp))
	return o
}

// IsForPeople reports whether the command prints sentences and tables itself.
func (o *Output) IsForPeople() bool {
	return *o.flags.OutputFormat == "" || o.IsWide()
}

// IsWide reports whether tables have all their columns.
func (o *Output) IsWide() bool {
	return *o.flags.OutputFormat == wide
}

// Check returns a usage error if the format is unknown. A command calls it before it changes anything.
func (o *Output) Check() error {
	if o.IsForPeople() {
		return nil
	}
	_, err := o.flags.ToPrinter()
	if genericclioptions.IsNoCompatiblePrinterError(err) {
		return UsageErrorf("--output: found %q; want %s", *o.flags.OutputFormat, strings.Join(o.formats, ", "))
	}
	if err != nil {
		return UsageErrorf("--output: %w", err)
	}
	return nil
}

// Print prints an object or a list in the format, which is none for people. The printer of names takes no lists, so it gets one object at a time.
func (o *Output) Print(f *Factory, object runtime.Object) error {
	printer, err := o.flags.ToPrinter()
	if err != nil {
		return UsageErrorf("--output: %w", err)
	}
	if *o.flags.OutputFormat == "name" && meta.IsListType(object) {
		return meta.EachListItem(object, func(item runtime.Object) error { return printer.PrintObj(item, f.Out) })
	}
	return printer.PrintObj(object, f.Out)
}

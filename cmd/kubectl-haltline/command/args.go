// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"

	"github.com/spf13/cobra"
)

// takes is a check of arguments: one for each name, of which the last may be left out.
func takes(optional int, names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names)-optional:
			return fmt.Errorf("%s is missing", names[len(args)])
		case len(args) > len(names):
			return fmt.Errorf("unexpected argument %q", args[len(names)])
		default:
			return nil
		}
	}
}

// exactArgs is a check of arguments: one for each name.
func exactArgs(names ...string) cobra.PositionalArgs { return takes(0, names...) }

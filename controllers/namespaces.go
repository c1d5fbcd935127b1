// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// Namespaces are those that the operator works in. It is a flag: names separated by commas, which may be given several times.
// None means all.
type Namespaces []string

// String returns the names, separated by commas.
func (n *Namespaces) String() string { return strings.Join(*n, ",") }

// Set adds names. It returns an error if one cannot be that of a namespace: a typing error must not leave one out.
func (n *Namespaces) Set(names string) error {
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			return fmt.Errorf("%q is no name of a namespace: %s", name, strings.Join(problems, "; "))
		}
		if !slices.Contains(*n, name) {
			*n = append(*n, name)
		}
	}
	return nil
}

// InNamespaces returns the options with a cache of these namespaces only. The operator then needs no rights in any other: what
// it does begins with what is in its cache.
func InNamespaces(options cache.Options, namespaces Namespaces) cache.Options {
	if len(namespaces) == 0 {
		return options
	}
	options.DefaultNamespaces = map[string]cache.Config{}
	for _, name := range namespaces {
		options.DefaultNamespaces[name] = cache.Config{}
	}
	return options
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// Referrer is a Provider whose definitions can refer to variables and outputs beside the environment of what they run.
type Referrer interface {
	// CheckReferences returns an error that names the first field that is not valid with the values that it may refer to, or that
	// refers to another name; or nil.
	CheckReferences(definition *v1alpha1.Action, values plan.Values) error
}

// CheckReferences asks the provider of an action, if it knows references. See Referrer.
func (r *Registry) CheckReferences(definition *v1alpha1.Action, values plan.Values) error {
	if referrer, ok := r.findByDefinition(definition).(Referrer); ok {
		return referrer.CheckReferences(definition, values)
	}
	return nil
}

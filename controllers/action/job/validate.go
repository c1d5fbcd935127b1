// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"errors"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/json"

	"haltline.dev/haltline/api/v1alpha1"
)

// Validate returns what is wrong with the Job template of an action, or nil.
func (p *Provider) Validate(definition *v1alpha1.Action) error {
	_, err := decodeJobSpec(definition)
	return err
}

// decodeJobSpec returns the JobSpec of an action. The error names the field of the template that is wrong.
func decodeJobSpec(definition *v1alpha1.Action) (*batchv1.JobSpec, error) {
	if definition.Job == nil {
		return nil, errors.New("job: Required value: the action has no Job to run")
	}
	if err := checkTemplateSize(definition.Job); err != nil {
		return nil, err
	}
	raw := definition.Job.Spec.Raw
	if err := checkQuantities(raw); err != nil {
		return nil, fmt.Errorf("job.spec: %w", err)
	}
	spec := &batchv1.JobSpec{}
	strict, err := json.UnmarshalStrict(raw, spec)
	if err == nil {
		err = errors.Join(strict...)
	}
	if err != nil {
		return nil, fmt.Errorf("job.spec: %w", err)
	}
	return spec, checkForbiddenFields(spec)
}

// checkForbiddenFields returns an error that names the first field that a template must not set.
func checkForbiddenFields(spec *batchv1.JobSpec) error {
	switch {
	case spec.TTLSecondsAfterFinished != nil:
		return errors.New("job.spec.ttlSecondsAfterFinished: Forbidden: a Job lives as long as its execution; remove the field")
	case spec.ManualSelector != nil || spec.Selector != nil:
		// The pods of a Job are found by the labels that the API server gives them and no others.
		return errors.New("job.spec.selector and manualSelector: Forbidden: the API server selects the pods of a Job; remove the fields")
	case spec.ManagedBy != nil && *spec.ManagedBy != batchv1.JobControllerName:
		// A stop relies on the conditions that the Job controller sets.
		return errors.New("job.spec.managedBy: Forbidden: only the Job controller of Kubernetes is known to end pods; remove the field")
	}
	return nil
}

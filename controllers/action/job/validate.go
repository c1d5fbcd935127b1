// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"errors"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/json"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/quantities"
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
	if err := quantities.Check(raw); err != nil {
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
	if err := checkForbiddenFields(spec); err != nil {
		return spec, err
	}
	if err := checkOutputs(definition, spec); err != nil {
		return spec, err
	}
	return spec, checkBounds(spec)
}

// Bounds of a template, in seconds. Kubernetes has none: a pod with a year of grace would keep a stop from ending for a year.
const (
	// maxGraceSeconds is a day.
	maxGraceSeconds = 24 * 60 * 60
	// maxDeadlineSeconds is 30 days.
	maxDeadlineSeconds = 30 * maxGraceSeconds
)

// checkBounds returns an error that names the first field of a template that is longer than its bound.
func checkBounds(spec *batchv1.JobSpec) error {
	pod := &spec.Template.Spec
	if err := checkSeconds("activeDeadlineSeconds", spec.ActiveDeadlineSeconds, maxDeadlineSeconds); err != nil {
		return err
	}
	if err := checkSeconds("template.spec.activeDeadlineSeconds", pod.ActiveDeadlineSeconds, maxDeadlineSeconds); err != nil {
		return err
	}
	if err := checkSeconds("template.spec.terminationGracePeriodSeconds", pod.TerminationGracePeriodSeconds, maxGraceSeconds); err != nil {
		return err
	}
	if err := checkProbes("initContainers", pod.InitContainers); err != nil {
		return err
	}
	return checkProbes("containers", pod.Containers)
}

// checkProbes bounds the grace periods that the probes of containers have of their own.
func checkProbes(field string, containers []corev1.Container) error {
	for i, c := range containers {
		path := fmt.Sprintf("template.spec.%s[%d]", field, i)
		if err := checkProbe(path+".livenessProbe", c.LivenessProbe); err != nil {
			return err
		}
		if err := checkProbe(path+".startupProbe", c.StartupProbe); err != nil {
			return err
		}
	}
	return nil
}

func checkProbe(path string, probe *corev1.Probe) error {
	if probe == nil {
		return nil
	}
	return checkSeconds(path+".terminationGracePeriodSeconds", probe.TerminationGracePeriodSeconds, maxGraceSeconds)
}

// checkSeconds returns an error if a field of a template has a value beyond its bound.
func checkSeconds(field string, seconds *int64, bound int64) error {
	if seconds == nil || *seconds <= bound {
		return nil
	}
	return fmt.Errorf("job.spec.%s: Invalid value: %d: must be at most %d, which is %s", field, *seconds, bound, describeDays(bound))
}

func describeDays(seconds int64) string {
	if seconds == maxGraceSeconds {
		return "a day"
	}
	return fmt.Sprintf("%d days", seconds/maxGraceSeconds)
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
	case len(spec.Template.Finalizers) > 0:
		return errors.New("job.spec.template.metadata.finalizers: Forbidden: a pod that has a finalizer does not end with its containers; remove the field")
	}
	return nil
}

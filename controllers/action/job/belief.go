// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// whyNotBelieved returns why a Job that the execution controls cannot be one that an operator created under the name of an intent,
// or nothing. Whoever may create Jobs can put one there with our controller reference as soon as the name is recorded. Only what
// nobody changes in a Job of ours is looked at: its selector and its managedBy are immutable, and an admission webhook adds
// containers and variables, or takes an image from another registry, but runs the same.
func whyNotBelieved(job *batchv1.Job, scope action.Scope, op plan.Operation) string {
	labels, _ := buildMarks(scope.Execution.Spec.PipelineName, string(scope.Execution.UID), op.Key)
	switch {
	case ptr.Deref(job.Spec.ManualSelector, false):
		return "it selects its pods by itself"
	case ptr.Deref(job.Spec.ManagedBy, batchv1.JobControllerName) != batchv1.JobControllerName:
		return fmt.Sprintf("its spec.managedBy is %q", *job.Spec.ManagedBy)
	case isPlaceholder(job) && !isEmpty(job):
		return "it is marked as a placeholder and asks for pods"
	case isPlaceholder(job):
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if job.Spec.Template.Labels[name] != labels[name] {
			return fmt.Sprintf("its pods do not have the label %s=%s", name, labels[name])
		}
	}
	return whyOtherWork(job, scope, op)
}

// whyOtherWork returns in what the containers of a Job differ from those of the action's Job, or nothing, also if it is not known
// any more what the action runs.
func whyOtherWork(job *batchv1.Job, scope action.Scope, op plan.Operation) string {
	if op.Definition.Name == "" {
		return ""
	}
	wanted, err := buildJob(scope, op)
	if err != nil {
		return ""
	}
	pod, wantedPod := &job.Spec.Template.Spec, &wanted.Spec.Template.Spec
	if why := whyOtherContainers(pod.InitContainers, wantedPod.InitContainers); why != "" {
		return why
	}
	return whyOtherContainers(pod.Containers, wantedPod.Containers)
}

func whyOtherContainers(containers, wanted []corev1.Container) string {
	for i := range wanted {
		w := &wanted[i]
		found := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == w.Name })
		switch {
		case found < 0:
			return fmt.Sprintf("it has no container %q", w.Name)
		case !runsTheSame(&containers[found], w):
			return fmt.Sprintf("its container %q runs something else", w.Name)
		}
	}
	return ""
}

// runsTheSame reports whether a container runs what another does: command, arguments, image whatever its registry, and at least its
// variables.
func runsTheSame(c, wanted *corev1.Container) bool {
	sameVariables := !slices.ContainsFunc(wanted.Env, func(w corev1.EnvVar) bool {
		return !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return equality.Semantic.DeepDerivative(w, e) })
	})
	return sameVariables && baseOfImage(c.Image) == baseOfImage(wanted.Image) &&
		slices.Equal(c.Command, wanted.Command) && slices.Equal(c.Args, wanted.Args)
}

// baseOfImage returns the last part of the path of an image, without tag and digest.
func baseOfImage(image string) string {
	image, _, _ = strings.Cut(image, "@")
	base := image[strings.LastIndex(image, "/")+1:]
	base, _, _ = strings.Cut(base, ":")
	return base
}

// observeDisbelief returns that the name of the action's Job was taken by a Job that only looks as if it was ours.
func observeDisbelief(op plan.Operation, why string) plan.Observation {
	return plan.Observation{
		Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNotBelieved,
		Message: fmt.Sprintf("Job %q has this execution as its controller, but %s, so it is not the Job of the action, and was left alone; "+
			"find out who created it, delete it, and start another execution.", op.Workload.Name, why),
	}
}

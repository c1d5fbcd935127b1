// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// The kubelet keeps so much of a container's termination message: the last bytes of what the container wrote, and of all containers of a
// pod together the first ones of each
// (https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/#customizing-the-termination-message).
const (
	maxContainerMessage = 4 << 10
	maxPodMessages      = 12 << 10
)

// checkOutputs returns an error if it would not be clear which pod has the outputs of an action: its Job has more than one.
func checkOutputs(definition *v1alpha1.Action, spec *batchv1.JobSpec) error {
	completions := ptr.Deref(spec.Completions, ptr.Deref(spec.Parallelism, 1))
	if len(definition.OutputVariables) == 0 || completions <= 1 {
		return nil
	}
	field := "completions"
	if spec.Completions == nil {
		field = "parallelism"
	}
	return fmt.Errorf("job.spec.%s: Invalid value: %d: the outputVariables of the action are those of one pod; set 1, or remove outputVariables",
		field, completions)
}

// addOutputs adds to the observation of a Job that has completed what its pod wrote for the outputs of the action. That costs a list of
// the Job's pods, and only if the action declares outputs.
func (p *Provider) addOutputs(ctx context.Context, scope action.Scope, op plan.Operation, o plan.Observation) (plan.Observation, error) {
	if o.Phase != plan.PhaseSucceeded || len(op.Definition.OutputVariables) == 0 {
		return o, nil
	}
	spec, err := decodeJobSpec(&op.Definition)
	if err != nil || len(spec.Template.Spec.Containers) == 0 {
		return failOutputs(o, v1alpha1.ReasonOutputsLost, "It is not known any more which container writes them."), nil
	}
	container := spec.Template.Spec.Containers[0].Name
	for pod, err := range p.podsOfAction(ctx, scope, op) {
		if err != nil {
			return plan.Observation{}, err
		}
		if pod.Status.Phase == corev1.PodSucceeded && pod.Labels[batchv1.ControllerUidLabel] == o.UID {
			return readWritten(o, pod, container), nil
		}
	}
	return failOutputs(o, v1alpha1.ReasonOutputsLost, fmt.Sprintf("Job %q completed, and its pod is gone, so its outputs are not known: somebody deleted the pod, "+
		"or its node is gone.", op.Workload.Name)), nil
}

// readWritten adds to an observation what a container of a pod wrote into its termination message, unless it may have been cut.
func readWritten(o plan.Observation, pod *corev1.Pod, container string) plan.Observation {
	statuses := pod.Status.ContainerStatuses
	i := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == container })
	if i < 0 || statuses[i].State.Terminated == nil {
		return failOutputs(o, v1alpha1.ReasonOutputsLost, fmt.Sprintf("Pod %q does not show how its container %q ended.", pod.Name, container))
	}
	containers := len(statuses) + len(pod.Status.InitContainerStatuses) + len(pod.Status.EphemeralContainerStatuses)
	most := min(maxContainerMessage, maxPodMessages/containers)
	written := statuses[i].State.Terminated.Message
	if len(written) >= most {
		return failOutputs(o, v1alpha1.ReasonOutputInvalid, fmt.Sprintf("outputVariables: container %q of pod %q wrote %d bytes or more into its "+
			"termination message, and Kubernetes keeps no more; write less, and pass data in a workspace, or by reference.", container, pod.Name, most))
	}
	o.Written = written
	return o
}

// failOutputs returns that an action failed although its Job completed.
func failOutputs(o plan.Observation, reason, message string) plan.Observation {
	return plan.Observation{Phase: plan.PhaseFailed, UID: o.UID, Reason: reason, Message: message}
}

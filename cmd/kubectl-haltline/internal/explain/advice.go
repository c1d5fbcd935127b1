// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
)

// look is what a person has to look at.
type look int

const (
	lookNowhere look = iota
	lookAtPods
	lookAtJob
	lookAtLogs
	lookAtNodes
	lookAtQuotas
)

// advice is what to do about an action that something keeps.
type advice struct {
	text string
	look look
}

// adviceForBlocked is for an action whose Job the API server refuses for a cause that can pass.
var adviceForBlocked = advice{"It starts by itself when the quota, the policy or the webhook that the message names allows it.", lookAtQuotas}

// adviceForOther is for a reason that Kubernetes gives and that is not listed.
var adviceForOther = advice{"It goes on by itself when what the message names is mended.", lookAtPods}

// adviceByReason is what to do about each reason of ours, and about those of Kubernetes that are common.
var adviceByReason = map[string]advice{
	"Unschedulable":              {"It goes on by itself when a node has room for it: free or add one, or ask for less.", lookAtPods},
	"SchedulingGated":            {"Whoever set the scheduling gate of the pod, such as a queue, has to remove it.", lookAtPods},
	"ImagePullBackOff":           {"Check the name of the image, and whether the node may pull it. It goes on by itself when the image can be pulled.", lookAtPods},
	"ErrImageNeverPull":          {"The image has to be on the node already, because of its imagePullPolicy.", lookAtPods},
	"InvalidImageName":           {"The image is no valid name: change the Pipeline, and start another execution.", lookAtPods},
	"CreateContainerConfigError": {"A ConfigMap, a Secret or a setting of the container is missing. It goes on by itself when that is there.", lookAtPods},
	"CreateContainerError":       {"The node cannot create the container as it is described.", lookAtPods},
	"CrashLoopBackOff":           {"Its container crashes again and again.", lookAtLogs},
	"ContainerCreating":          {"Its image is being pulled, or it is being set up: wait a while.", lookAtPods},
	"PodInitializing":            {"It is being set up: wait a while.", lookAtPods},
	"Pending":                    {"It is being set up: wait a while.", lookAtPods},

	v1alpha1.ReasonInGracePeriod:        {"Its pods were told to end and may take until then: wait.", lookNowhere},
	v1alpha1.ReasonPodNotEnding:         {"Look at the node. Once it is surely off, delete the pod with --force.", lookAtNodes},
	v1alpha1.ReasonPodFinalizer:         {"Whoever set the finalizer has to remove it.", lookAtPods},
	v1alpha1.ReasonNodeNotReady:         {"Repair the node. Once it is surely off, delete the pod with --force.", lookAtNodes},
	v1alpha1.ReasonInitContainerRunning: {"The other containers start when it has ended: wait.", lookAtLogs},
	v1alpha1.ReasonSidecarNotStarted:    {"The other containers start when the startup probe of the sidecar succeeds.", lookAtPods},
	v1alpha1.ReasonContainerRunsOn:      {"The pod ends when all of its containers have ended; a proxy has to be a sidecar (an init container with restartPolicy: Always).", lookAtLogs},
	v1alpha1.ReasonRetrying:             {"Kubernetes tries it again by itself, as its backoffLimit says.", lookAtLogs},
	v1alpha1.ReasonNoPod:                {"A quota, a policy or a missing service account keeps its pods from being created. It goes on by itself when that is mended.", lookAtJob},
	v1alpha1.ReasonJobSuspended:         {"A queue or a person suspended the Job, and has to resume it.", lookAtJob},
	v1alpha1.ReasonJobDeleting:          {"Somebody deletes the Job, and its pods have to end.", lookAtPods},
	v1alpha1.ReasonJobFinalizer:         {"Somebody deletes the Job, and whoever set the finalizer has to remove it; its pods run on.", lookAtJob},
	v1alpha1.ReasonJobTakenOver:         {"Another controller owns the Job now, so it has to be ended there.", lookAtJob},
	v1alpha1.ReasonSuspendRefused:       {"Change the policy or repair the webhook that the message names; the operator tries again by itself.", lookAtJob},
	v1alpha1.ReasonWorkloadLost:         {"Somebody deleted its Job. It is not run again, and the action fails when the pods that are left have ended.", lookAtPods},
}

// adviceForUnfenced returns what to do about an action whose Job may be there or not: the API server does not let the operator reserve its name, or its
// pods have to end.
func adviceForUnfenced(message string) advice {
	const text = "The stop is accepted when that is repaired, or over."
	if strings.Contains(message, "quota") {
		return advice{text, lookAtQuotas}
	}
	return advice{text, lookAtPods}
}

// endsUnderWait reports whether an action that is kept for a reason ends without help if a stop waits for it. One without a reason is not started
// then, nor is one whose Job has been suspended since its creation.
func endsUnderWait(reason string) bool {
	switch reason {
	case "", "ContainerCreating", "PodInitializing", "Pending", "CrashLoopBackOff", v1alpha1.ReasonInGracePeriod, v1alpha1.ReasonInitContainerRunning,
		v1alpha1.ReasonRetrying, v1alpha1.ReasonJobSuspended, v1alpha1.ReasonJobDeleting, v1alpha1.ReasonJobTakenOver, v1alpha1.ReasonWorkloadLost:
		return true
	default:
		return false
	}
}

// adviceFor returns what to do about a reason. The reasons of events about volumes are many, and alike.
func adviceFor(reason string) advice {
	if a, known := adviceByReason[reason]; known {
		return a
	}
	if strings.HasPrefix(reason, "Failed") {
		return advice{"Repair the volume, the network or whatever else the message names. It goes on by itself then.", lookAtPods}
	}
	return adviceForOther
}

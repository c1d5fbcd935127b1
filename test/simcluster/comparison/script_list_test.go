// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package comparison

import "sigs.k8s.io/controller-runtime/pkg/client"

func allScripts() []script {
	var all []script
	all = append(all, endScripts()...)
	all = append(all, suspensionScripts()...)
	all = append(all, deletionScripts()...)
	all = append(all, podScripts()...)
	all = append(all, ownerScripts()...)
	return append(all, namespaceScripts()...)
}

// endScripts are about how a Job ends.
func endScripts() []script {
	return []script{
		{"succeeds", []step{createJob("job"), endPods("job", podSucceeded), patchJob("job", suspend), deletePods("job"),
			deleteObject("Job/job", background)}},
		{"fails", []step{createJob("job"), endPods("job", podFailed), patchJob("job", suspend), patchJob("job", resume)}},
		{"fails at its second try", []step{createJob("job", withTries(2)), endPods("job", podFailed), endOnePod("job", podFailed)}},
		{"succeeds at its second try", []step{createJob("job", withTries(2)), endPods("job", podFailed), endOnePod("job", podSucceeded)}},
		{"two of two succeed", []step{createJob("job", withCompletions(2), withParallelism(2)), endOnePod("job", podSucceeded), endOnePod("job", podSucceeded)}},
		{"one after the other succeeds", []step{createJob("job", withCompletions(2)), endOnePod("job", podSucceeded), endOnePod("job", podSucceeded)}},
		{"one of two fails", []step{createJob("job", withCompletions(2), withParallelism(2)), endOnePod("job", podFailed)}},
		{"one of two fails and the other is held", []step{createJob("job", withCompletions(2), withParallelism(2), withHeldPods),
			endOnePod("job", podFailed), endPods("job", podSucceeded)}},
		{"any of two succeeds", []step{createJob("job", withParallelism(2)), endOnePod("job", podSucceeded), endOnePod("job", podSucceeded)}},
		{"nothing to complete", []step{createJob("job", withCompletions(0)), deleteObject("Job/job", foreground)}},
		{"no parallelism", []step{createJob("job", withCompletions(1), withParallelism(0)), patchJob("job", `{"spec":{"parallelism":1}}`),
			patchJob("job", `{"spec":{"parallelism":0}}`)}},
		{"less parallelism", []step{createJob("job", withCompletions(2), withParallelism(2), withHeldPods), patchJob("job", `{"spec":{"parallelism":1}}`),
			endPods("job", podSucceeded)}},
	}
}

// suspensionScripts are about Jobs that are suspended.
func suspensionScripts() []script {
	return []script{
		{"suspended and resumed", []step{createJob("job"), patchJob("job", suspend), patchJob("job", resume), endPods("job", podSucceeded)}},
		{"suspended for good", []step{createJob("job"), patchJob("job", stop), patchJob("job", resume),
			patchJob("job", `{"spec":{"parallelism":1}}`)}},
		{"suspended while its pod is held", []step{createJob("job", withHeldPods), patchJob("job", stop), endPods("job", podFailed),
			patchJob("job", resume)}},
		{"suspended and its held pod succeeds", []step{createJob("job", withHeldPods), patchJob("job", stop), endPods("job", podSucceeded)}},
		{"resumed while its pod is held", []step{createJob("job", withHeldPods), patchJob("job", suspend), patchJob("job", resume),
			endOnePod("job", podSucceeded)}},
		{"resumed while its pod is held and replaced late", []step{createJob("job", withHeldPods, withLateReplacement), patchJob("job", suspend),
			patchJob("job", resume), endPods("job", podFailed)}},
		{"suspended and its pod has a finalizer", []step{createJob("job", withFinalizedPods), patchJob("job", stop),
			endPods("job", podFailed), patchPods("job", release)}},
		{"suspended when one of two succeeded", []step{createJob("job", withCompletions(2), withParallelism(2)), endOnePod("job", podSucceeded),
			patchJob("job", stop), patchJob("job", `{"spec":{"suspend":false,"parallelism":2}}`), endOnePod("job", podSucceeded)}},
		{"created suspended", []step{createJob("job", withSuspend), patchJob("job", resume), endPods("job", podSucceeded)}},
		{"created suspended without parallelism", []step{createJob("job", withSuspend, withCompletions(1), withParallelism(0)), patchJob("job", resume)}},
		{"created suspended with nothing to complete", []step{createJob("job", withSuspend, withCompletions(0)), patchJob("job", resume)}},
		{"placeholder", []step{createExecution(), fenceJob("job"), patchJob("job", resume), patchJob("job", `{"spec":{"parallelism":1}}`),
			createJob("job"), deleteObject("PipelineExecution/run", background)}},
	}
}

// deletionScripts are about Jobs that are deleted.
func deletionScripts() []script {
	var all []script
	for _, how := range []struct {
		name    string
		options []client.DeleteOption
	}{
		{"in the background", []client.DeleteOption{background}}, {"in the foreground", []client.DeleteOption{foreground}},
		{"leaving its pods", []client.DeleteOption{orphan}}, {"without a policy", nil},
	} {
		gone := deleteObject("Job/job", how.options...)
		all = append(all,
			script{"deleted " + how.name, []step{createJob("job"), gone, gone}},
			script{"deleted " + how.name + " and created again", []step{createJob("job"), gone, createJob("job")}},
			script{"deleted " + how.name + " while its pod is held", []step{createJob("job", withHeldPods), gone, gone, endPods("job", podFailed)}},
			script{"deleted " + how.name + " with a finalizer", []step{createJob("job", withFinalizer), gone, patchJob("job", release)}},
			script{"deleted " + how.name + " when suspended", []step{createJob("job", withSuspend, withFinalizer), gone,
				patchJob("job", resume), patchJob("job", release)}},
			script{"deleted " + how.name + " when complete", []step{createJob("job"), endPods("job", podSucceeded), gone}},
		)
	}
	return append(all,
		script{"ends while it is deleted", []step{createJob("job", withFinalizer), deleteObject("Job/job", background), endPods("job", podSucceeded),
			patchJob("job", release)}},
		script{"fails while it is deleted", []step{createJob("job", withFinalizer), deleteObject("Job/job", orphan), endPods("job", podFailed)}},
		script{"suspended while it is deleted", []step{createJob("job", withFinalizer), deleteObject("Job/job", background),
			patchJob("job", stop), patchJob("job", release)}},
		script{"deleted twice, then in the foreground", []step{createJob("job", withFinalizer), deleteObject("Job/job", background),
			deleteObject("Job/job", foreground), deleteObject("Job/job"), patchJob("job", release)}},
		script{"deleted twice, then leaving its pods", []step{createJob("job", withFinalizer), deleteObject("Job/job", background),
			deleteObject("Job/job", orphan), patchJob("job", release)}},
	)
}

// podScripts are about what others do to pods.
func podScripts() []script {
	now := client.GracePeriodSeconds(0)
	return []script{
		{"pod deleted", []step{createJob("job"), deletePods("job")}},
		{"pod deleted and another is tried", []step{createJob("job", withTries(2)), deletePods("job"), endPods("job", podSucceeded)}},
		{"pod deleted while it is held", []step{createJob("job", withHeldPods), deletePods("job"), endPods("job", podSucceeded)}},
		{"pod deleted and another is tried while it is held", []step{createJob("job", withHeldPods, withTries(2)), deletePods("job"), endPods("job", podSucceeded)}},
		{"pod deleted while it is held and is replaced late", []step{createJob("job", withHeldPods, withLateReplacement, withTries(2)), deletePods("job"),
			endPods("job", podSucceeded)}},
		{"pod deleted, then at once", []step{createJob("job", withHeldPods), deletePods("job"), deletePods("job"), deletePods("job", now)}},
		{"pod deleted with a finalizer", []step{createJob("job", withFinalizedPods), deletePods("job"), endPods("job", podFailed), patchPods("job", release)}},
		{"pod of a complete Job with a finalizer", []step{createJob("job", withFinalizedPods), endPods("job", podSucceeded), deleteObject("Job/job", background),
			patchPods("job", release)}},
		{"pod disowned", []step{createJob("job"), patchPods("job", disown), endPods("job", podSucceeded)}},
		// The real Job controller does not look at a Job again when a pod of it is disowned that is being deleted, so that something
		// else has to make it do so.
		{"pod of a suspended Job disowned", []step{createJob("job", withHeldPods), patchJob("job", stop),
			doTogether(patchPods("job", disown), patchJob("job", touch)), endPods("job", podFailed)}},
		{"pod of a complete Job disowned", []step{createJob("job"), endPods("job", podSucceeded), patchPods("job", disown), deleteObject("Job/job", foreground)}},
		{"pod unlabelled", []step{createJob("job"), patchPods("job", unlabel), deleteObject("Job/job", foreground)}},
		{"pod unlabelled and adopted again", []step{createJob("job"), patchPods("job", unlabel), patchPods("job", relabel), endPods("job", podSucceeded)}},
		{"pod unlabelled, then suspended", []step{createJob("job"), patchPods("job", unlabel), patchJob("job", stop), patchPods("job", relabel)}},
		{"finalizer taken off a pod", []step{createJob("job"), patchPods("job", release), endPods("job", podSucceeded)}},
		{"labels and annotations of a Job", []step{createJob("job"),
			patchJob("job", touch), endPods("job", podSucceeded)}},
	}
}

// ownerScripts are about those who own a Job.
func ownerScripts() []script {
	create, owner, other := createOwner("owner"), "ControllerRevision/owner", "ControllerRevision/other"
	chain := func(options client.DeleteOption, then ...step) []step {
		return append([]step{createExecution(), createJob("job", withController("PipelineExecution/run"), withHeldPods),
			deleteObject("PipelineExecution/run", options)}, then...)
	}
	return []script{
		{"execution deleted in the background", chain(background, endPods("job", podFailed))},
		{"execution deleted in the foreground", chain(foreground, endPods("job", podFailed))},
		{"execution deleted leaving its Job", chain(orphan, endPods("job", podSucceeded))},
		{"execution deleted without a policy", []step{createExecution(), createJob("job", withController("PipelineExecution/run")),
			deleteObject("PipelineExecution/run")}},
		{"execution deleted and its Job has a finalizer", []step{createExecution(),
			createJob("job", withController("PipelineExecution/run"), withFinalizer), deleteObject("PipelineExecution/run", foreground), patchJob("job", release)}},
		{"execution deleted and its Job is suspended", []step{createExecution(),
			createJob("job", withController("PipelineExecution/run"), withSuspend), deleteObject("PipelineExecution/run", foreground)}},
		{"execution deleted and its Job is complete", []step{createExecution(), createJob("job", withController("PipelineExecution/run")),
			endPods("job", podSucceeded), deleteObject("PipelineExecution/run", foreground)}},
		{"execution deleted with a placeholder", []step{createExecution(), fenceJob("job"), deleteObject("PipelineExecution/run", foreground)}},
		{"owner deleted that does not wait", []step{create, createJob("job", withOwner(owner, false), withHeldPods), deleteObject(owner, foreground),
			endPods("job", podFailed)}},
		{"owner deleted that waits", []step{create, createJob("job", withOwner(owner, true), withHeldPods), deleteObject(owner, foreground),
			endPods("job", podFailed)}},
		{"owner never was", []step{createJob("job", withController(owner))}},
		{"owner never was and the Job has a finalizer", []step{createJob("job", withController(owner), withFinalizer), patchJob("job", release)}},
		{"owner created again", []step{create, createJob("job", withController(owner)), deleteObject(owner, orphan), create,
			patchJob("job", disown)}},
		{"one of two owners never was", []step{create, createJob("job", withOwner(owner, true), withOwner(other, true)), deleteObject(owner, background)}},
		{"one of two owners deleted in the background", []step{create, createOwner("other"),
			createJob("job", withOwner(owner, true), withOwner(other, true)), deleteObject(owner, background), deleteObject(other, background)}},
		{"one of two owners deleted in the foreground", []step{create, createOwner("other"),
			createJob("job", withOwner(owner, true), withOwner(other, true)), deleteObject(owner, foreground), deleteObject(other, foreground)}},
		{"one of two owners deleted leaving its Job", []step{create, createOwner("other"),
			createJob("job", withOwner(owner, true), withOwner(other, true)), deleteObject(owner, orphan), deleteObject(other, background)}},
		{"owner deleted that was taken off", []step{create, createJob("job", withController(owner)), patchJob("job", disown),
			deleteObject(owner, foreground)}},
		{"owner taken off while it waits", []step{create, createJob("job", withController(owner), withFinalizer), deleteObject(owner, foreground),
			patchJob("job", disown), patchJob("job", release)}},
		{"two Jobs of one owner", []step{create, createJob("job", withController(owner)), createJob("other", withController(owner), withHeldPods),
			deleteObject(owner, foreground), endPods("other", podFailed)}},
		{"Job that owns a Job", []step{createJob("job"), createJob("other", withOwner("Job/job", true), withSuspend), endPods("job", podSucceeded),
			deleteObject("Job/job", foreground)}},
	}
}

// namespaceScripts are about a namespace that is deleted, which has to hold something then.
func namespaceScripts() []script {
	return []script{
		{"namespace deleted while a pod runs", []step{createJob("job"), deleteNamespace()}},
		{"namespace deleted while a pod is held", []step{createJob("job", withHeldPods), deleteNamespace(), createJob("other"), endPods("job", podFailed)}},
		{"namespace deleted and another try is due", []step{createJob("job", withHeldPods, withTries(3)), deleteNamespace(), endPods("job", podFailed)}},
		{"namespace deleted with a suspended Job", []step{createJob("job", withSuspend), createJob("other"), endPods("other", podSucceeded), deleteNamespace()}},
		{"namespace deleted and a pod has a finalizer", []step{createJob("job", withFinalizedPods), createJob("other", withSuspend), deleteNamespace(),
			endPods("job", podFailed), patchPods("job", release)}},
		{"namespace deleted and a Job has a finalizer", []step{createJob("job", withSuspend, withFinalizer), deleteNamespace(),
			patchJob("job", resume), createJob("other")}},
		{"namespace deleted with an execution", []step{createExecution(), createJob("job", withController("PipelineExecution/run"), withHeldPods),
			deleteNamespace(), endPods("job", podFailed)}},
	}
}

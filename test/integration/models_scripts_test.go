// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import "sigs.k8s.io/controller-runtime/pkg/client"

func modelScripts() []modelScript {
	var all []modelScript
	all = append(all, endScripts()...)
	all = append(all, suspensionScripts()...)
	all = append(all, deletionScripts()...)
	all = append(all, podScripts()...)
	all = append(all, ownerScripts()...)
	return append(all, namespaceScripts()...)
}

// endScripts are about how a Job ends.
func endScripts() []modelScript {
	return []modelScript{
		{"succeeds", []modelAct{createJob("job"), podsEnd("job", ended), patchJob("job", suspend), removePods("job"),
			remove("Job/job", background)}},
		{"fails", []modelAct{createJob("job"), podsEnd("job", broken), patchJob("job", suspend), patchJob("job", resume)}},
		{"fails at its second try", []modelAct{createJob("job", tries(2)), podsEnd("job", broken), onePodEnds("job", broken)}},
		{"succeeds at its second try", []modelAct{createJob("job", tries(2)), podsEnd("job", broken), onePodEnds("job", ended)}},
		{"two of two succeed", []modelAct{createJob("job", completions(2), parallelism(2)), onePodEnds("job", ended), onePodEnds("job", ended)}},
		{"one after the other succeeds", []modelAct{createJob("job", completions(2)), onePodEnds("job", ended), onePodEnds("job", ended)}},
		{"one of two fails", []modelAct{createJob("job", completions(2), parallelism(2)), onePodEnds("job", broken)}},
		{"one of two fails and the other is held", []modelAct{createJob("job", completions(2), parallelism(2), held),
			onePodEnds("job", broken), podsEnd("job", ended)}},
		{"any of two succeeds", []modelAct{createJob("job", parallelism(2)), onePodEnds("job", ended), onePodEnds("job", ended)}},
		{"nothing to complete", []modelAct{createJob("job", completions(0)), remove("Job/job", foreground)}},
		{"no parallelism", []modelAct{createJob("job", completions(1), parallelism(0)), patchJob("job", `{"spec":{"parallelism":1}}`),
			patchJob("job", `{"spec":{"parallelism":0}}`)}},
		{"less parallelism", []modelAct{createJob("job", completions(2), parallelism(2), held), patchJob("job", `{"spec":{"parallelism":1}}`),
			podsEnd("job", ended)}},
	}
}

// suspensionScripts are about Jobs that are suspended.
func suspensionScripts() []modelScript {
	return []modelScript{
		{"suspended and resumed", []modelAct{createJob("job"), patchJob("job", suspend), patchJob("job", resume), podsEnd("job", ended)}},
		{"suspended for good", []modelAct{createJob("job"), patchJob("job", stop), patchJob("job", resume),
			patchJob("job", `{"spec":{"parallelism":1}}`)}},
		{"suspended while its pod is held", []modelAct{createJob("job", held), patchJob("job", stop), podsEnd("job", broken),
			patchJob("job", resume)}},
		{"suspended and its held pod succeeds", []modelAct{createJob("job", held), patchJob("job", stop), podsEnd("job", ended)}},
		{"resumed while its pod is held", []modelAct{createJob("job", held), patchJob("job", suspend), patchJob("job", resume),
			onePodEnds("job", ended)}},
		{"resumed while its pod is held and replaced late", []modelAct{createJob("job", held, replacedWhenFailed), patchJob("job", suspend),
			patchJob("job", resume), podsEnd("job", broken)}},
		{"suspended and its pod has a finalizer", []modelAct{createJob("job", finalizedPods), patchJob("job", stop),
			podsEnd("job", broken), patchPods("job", release)}},
		{"suspended when one of two succeeded", []modelAct{createJob("job", completions(2), parallelism(2)), onePodEnds("job", ended),
			patchJob("job", stop), patchJob("job", `{"spec":{"suspend":false,"parallelism":2}}`), onePodEnds("job", ended)}},
		{"created suspended", []modelAct{createJob("job", suspended), patchJob("job", resume), podsEnd("job", ended)}},
		{"created suspended without parallelism", []modelAct{createJob("job", suspended, completions(1), parallelism(0)), patchJob("job", resume)}},
		{"created suspended with nothing to complete", []modelAct{createJob("job", suspended, completions(0)), patchJob("job", resume)}},
		{"placeholder", []modelAct{createExecution(), fence("job"), patchJob("job", resume), patchJob("job", `{"spec":{"parallelism":1}}`),
			createJob("job"), remove("PipelineExecution/run", background)}},
	}
}

// deletionScripts are about Jobs that are deleted.
func deletionScripts() []modelScript {
	var all []modelScript
	for _, how := range []struct {
		name    string
		options []client.DeleteOption
	}{
		{"in the background", []client.DeleteOption{background}}, {"in the foreground", []client.DeleteOption{foreground}},
		{"leaving its pods", []client.DeleteOption{orphan}}, {"without a policy", nil},
	} {
		gone := remove("Job/job", how.options...)
		all = append(all,
			modelScript{"deleted " + how.name, []modelAct{createJob("job"), gone, gone}},
			modelScript{"deleted " + how.name + " and created again", []modelAct{createJob("job"), gone, createJob("job")}},
			modelScript{"deleted " + how.name + " while its pod is held", []modelAct{createJob("job", held), gone, gone, podsEnd("job", broken)}},
			modelScript{"deleted " + how.name + " with a finalizer", []modelAct{createJob("job", finalized), gone, patchJob("job", release)}},
			modelScript{"deleted " + how.name + " when suspended", []modelAct{createJob("job", suspended, finalized), gone,
				patchJob("job", resume), patchJob("job", release)}},
			modelScript{"deleted " + how.name + " when complete", []modelAct{createJob("job"), podsEnd("job", ended), gone}},
		)
	}
	return append(all,
		modelScript{"ends while it is deleted", []modelAct{createJob("job", finalized), remove("Job/job", background), podsEnd("job", ended),
			patchJob("job", release)}},
		modelScript{"fails while it is deleted", []modelAct{createJob("job", finalized), remove("Job/job", orphan), podsEnd("job", broken)}},
		modelScript{"suspended while it is deleted", []modelAct{createJob("job", finalized), remove("Job/job", background),
			patchJob("job", stop), patchJob("job", release)}},
		modelScript{"deleted twice, then in the foreground", []modelAct{createJob("job", finalized), remove("Job/job", background),
			remove("Job/job", foreground), remove("Job/job"), patchJob("job", release)}},
		modelScript{"deleted twice, then leaving its pods", []modelAct{createJob("job", finalized), remove("Job/job", background),
			remove("Job/job", orphan), patchJob("job", release)}},
	)
}

// podScripts are about what others do to pods.
func podScripts() []modelScript {
	now := client.GracePeriodSeconds(0)
	return []modelScript{
		{"pod deleted", []modelAct{createJob("job"), removePods("job")}},
		{"pod deleted and another is tried", []modelAct{createJob("job", tries(2)), removePods("job"), podsEnd("job", ended)}},
		{"pod deleted while it is held", []modelAct{createJob("job", held), removePods("job"), podsEnd("job", ended)}},
		{"pod deleted and another is tried while it is held", []modelAct{createJob("job", held, tries(2)), removePods("job"), podsEnd("job", ended)}},
		{"pod deleted while it is held and is replaced late", []modelAct{createJob("job", held, replacedWhenFailed, tries(2)), removePods("job"),
			podsEnd("job", ended)}},
		{"pod deleted, then at once", []modelAct{createJob("job", held), removePods("job"), removePods("job"), removePods("job", now)}},
		{"pod deleted with a finalizer", []modelAct{createJob("job", finalizedPods), removePods("job"), podsEnd("job", broken), patchPods("job", release)}},
		{"pod of a complete Job with a finalizer", []modelAct{createJob("job", finalizedPods), podsEnd("job", ended), remove("Job/job", background),
			patchPods("job", release)}},
		{"pod disowned", []modelAct{createJob("job"), patchPods("job", disown), podsEnd("job", ended)}},
		// The real Job controller does not look at a Job again when a pod of it is disowned that is being deleted, so that something
		// else has to make it do so.
		{"pod of a suspended Job disowned", []modelAct{createJob("job", held), patchJob("job", stop),
			together(patchPods("job", disown), patchJob("job", touch)), podsEnd("job", broken)}},
		{"pod of a complete Job disowned", []modelAct{createJob("job"), podsEnd("job", ended), patchPods("job", disown), remove("Job/job", foreground)}},
		{"pod unlabelled", []modelAct{createJob("job"), patchPods("job", unlabel), remove("Job/job", foreground)}},
		{"pod unlabelled and adopted again", []modelAct{createJob("job"), patchPods("job", unlabel), patchPods("job", relabel), podsEnd("job", ended)}},
		{"pod unlabelled, then suspended", []modelAct{createJob("job"), patchPods("job", unlabel), patchJob("job", stop), patchPods("job", relabel)}},
		{"finalizer taken off a pod", []modelAct{createJob("job"), patchPods("job", release), podsEnd("job", ended)}},
		{"labels and annotations of a Job", []modelAct{createJob("job"),
			patchJob("job", touch), podsEnd("job", ended)}},
	}
}

// ownerScripts are about those who own a Job.
func ownerScripts() []modelScript {
	create, owner, other := createOwner("owner"), "ControllerRevision/owner", "ControllerRevision/other"
	chain := func(options client.DeleteOption, then ...modelAct) []modelAct {
		return append([]modelAct{createExecution(), createJob("job", controlledBy("PipelineExecution/run"), held),
			remove("PipelineExecution/run", options)}, then...)
	}
	return []modelScript{
		{"execution deleted in the background", chain(background, podsEnd("job", broken))},
		{"execution deleted in the foreground", chain(foreground, podsEnd("job", broken))},
		{"execution deleted leaving its Job", chain(orphan, podsEnd("job", ended))},
		{"execution deleted without a policy", []modelAct{createExecution(), createJob("job", controlledBy("PipelineExecution/run")),
			remove("PipelineExecution/run")}},
		{"execution deleted and its Job has a finalizer", []modelAct{createExecution(),
			createJob("job", controlledBy("PipelineExecution/run"), finalized), remove("PipelineExecution/run", foreground), patchJob("job", release)}},
		{"execution deleted and its Job is suspended", []modelAct{createExecution(),
			createJob("job", controlledBy("PipelineExecution/run"), suspended), remove("PipelineExecution/run", foreground)}},
		{"execution deleted and its Job is complete", []modelAct{createExecution(), createJob("job", controlledBy("PipelineExecution/run")),
			podsEnd("job", ended), remove("PipelineExecution/run", foreground)}},
		{"execution deleted with a placeholder", []modelAct{createExecution(), fence("job"), remove("PipelineExecution/run", foreground)}},
		{"owner deleted that does not wait", []modelAct{create, createJob("job", owned(owner, false), held), remove(owner, foreground),
			podsEnd("job", broken)}},
		{"owner deleted that waits", []modelAct{create, createJob("job", owned(owner, true), held), remove(owner, foreground),
			podsEnd("job", broken)}},
		{"owner never was", []modelAct{createJob("job", controlledBy(owner))}},
		{"owner never was and the Job has a finalizer", []modelAct{createJob("job", controlledBy(owner), finalized), patchJob("job", release)}},
		{"owner created again", []modelAct{create, createJob("job", controlledBy(owner)), remove(owner, orphan), create,
			patchJob("job", disown)}},
		{"one of two owners never was", []modelAct{create, createJob("job", owned(owner, true), owned(other, true)), remove(owner, background)}},
		{"one of two owners deleted in the background", []modelAct{create, createOwner("other"),
			createJob("job", owned(owner, true), owned(other, true)), remove(owner, background), remove(other, background)}},
		{"one of two owners deleted in the foreground", []modelAct{create, createOwner("other"),
			createJob("job", owned(owner, true), owned(other, true)), remove(owner, foreground), remove(other, foreground)}},
		{"one of two owners deleted leaving its Job", []modelAct{create, createOwner("other"),
			createJob("job", owned(owner, true), owned(other, true)), remove(owner, orphan), remove(other, background)}},
		{"owner deleted that was taken off", []modelAct{create, createJob("job", controlledBy(owner)), patchJob("job", disown),
			remove(owner, foreground)}},
		{"owner taken off while it waits", []modelAct{create, createJob("job", controlledBy(owner), finalized), remove(owner, foreground),
			patchJob("job", disown), patchJob("job", release)}},
		{"two Jobs of one owner", []modelAct{create, createJob("job", controlledBy(owner)), createJob("other", controlledBy(owner), held),
			remove(owner, foreground), podsEnd("other", broken)}},
		{"Job that owns a Job", []modelAct{createJob("job"), createJob("other", owned("Job/job", true), suspended), podsEnd("job", ended),
			remove("Job/job", foreground)}},
	}
}

// namespaceScripts are about a namespace that is deleted, which has to hold something then.
func namespaceScripts() []modelScript {
	return []modelScript{
		{"namespace deleted while a pod runs", []modelAct{createJob("job"), terminate()}},
		{"namespace deleted while a pod is held", []modelAct{createJob("job", held), terminate(), createJob("other"), podsEnd("job", broken)}},
		{"namespace deleted and another try is due", []modelAct{createJob("job", held, tries(3)), terminate(), podsEnd("job", broken)}},
		{"namespace deleted with a suspended Job", []modelAct{createJob("job", suspended), createJob("other"), podsEnd("other", ended), terminate()}},
		{"namespace deleted and a pod has a finalizer", []modelAct{createJob("job", finalizedPods), createJob("other", suspended), terminate(),
			podsEnd("job", broken), patchPods("job", release)}},
		{"namespace deleted and a Job has a finalizer", []modelAct{createJob("job", suspended, finalized), terminate(),
			patchJob("job", resume), createJob("other")}},
		{"namespace deleted with an execution", []modelAct{createExecution(), createJob("job", controlledBy("PipelineExecution/run"), held),
			terminate(), podsEnd("job", broken)}},
	}
}

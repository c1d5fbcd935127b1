// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"encoding/json"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// work is what an action does, on a simulated node or a real one.
type work struct {
	// seconds that it runs, and that it goes on after it was asked to end.
	seconds, grace int
	fails          bool
	onStop         v1alpha1.OnStop
	onAbandon      v1alpha1.OnAbandon
	// real is work for containers.
	real bool
}

// twoStages is a pipeline of two actions in parallel, and one after them.
func twoStages(namespace, name string, compile, test, rollOut work) *v1alpha1.Pipeline {
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.PipelineSpec{Stages: []v1alpha1.Stage{
			{Name: "Build", Actions: []v1alpha1.Action{compile.action("compile"), test.action("test")}},
			{Name: "Deploy", Actions: []v1alpha1.Action{rollOut.action("roll-out")}},
		}},
	}
}

func simulatedPipelines(namespace string) []*v1alpha1.Pipeline {
	one, two, slow := work{seconds: 1}, work{seconds: 2}, work{seconds: 4, grace: 2}
	fails := work{seconds: 1, fails: true}
	orphan := work{seconds: 3, onAbandon: v1alpha1.OnAbandonOrphan}
	unimportant := work{seconds: 5, grace: 1, onStop: v1alpha1.OnStopAbandon}
	return []*v1alpha1.Pipeline{
		twoStages(namespace, "quick", one, one, one),
		twoStages(namespace, "plain", one, two, two),
		twoStages(namespace, "slow-to-end", slow, two, slow),
		twoStages(namespace, "failing", two, fails, one),
		twoStages(namespace, "orphaning", orphan, slow, orphan),
		twoStages(namespace, "unimportant", unimportant, two, unimportant),
		newApproving(namespace, approvingName, v1alpha1.Approval{TimeoutSeconds: ptr.To[int64](6)}),
		withMode(twoStages(namespace, "queued", one, one, one), v1alpha1.ExecutionModeQueued),
		withMode(twoStages(namespace, "superseding", one, two, one), v1alpha1.ExecutionModeSuperseded),
		withTimeout(twoStages(namespace, "limited", slow, two, slow), 5),
	}
}

// certainStarts are in every load: what they lead to must be in the report, also on a slow machine and with any choices. Their work is
// long, so that it is in progress when it is asked to stop.
func certainStarts(namespace string) []start {
	long := work{seconds: 8, grace: 1}
	orphan := work{seconds: 8, onAbandon: v1alpha1.OnAbandonOrphan}
	stopped := twoStages(namespace, "long", long, long, long)
	return append([]start{
		{pipeline: twoStages(namespace, "long-orphaning", orphan, long, orphan), script: stopScript{askAtWork.withAbandon()}},
		{pipeline: stopped, script: stopScript{askAtWork, askNow.withAbandon()}},
		{pipeline: stopped, script: stopScript{askAtWork.withEscalation(1)}},
		{pipeline: stopped, script: stopScript{askAtWork, askNow}},
	}, certainWaits(namespace)...)
}

func (w work) action(name string) v1alpha1.Action {
	spec := &batchv1.JobSpec{
		BackoffLimit: ptr.To[int32](0),
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{
				"haltline.dev/simulated-seconds":       strconv.Itoa(w.seconds),
				"haltline.dev/simulated-grace-seconds": strconv.Itoa(w.grace),
				"haltline.dev/simulated-exit-code":     strconv.Itoa(w.exitCode()),
			}},
			Spec: corev1.PodSpec{
				RestartPolicy:                 corev1.RestartPolicyNever,
				TerminationGracePeriodSeconds: ptr.To(int64(w.grace + 1)),
				Containers:                    []corev1.Container{{Name: "main", Image: "example"}},
			},
		},
	}
	if w.real {
		spec.Template.Spec.Containers = []corev1.Container{{Name: "main", Image: "busybox:1.35", Command: []string{"sleep", strconv.Itoa(w.seconds)}}}
	}
	raw, err := json.Marshal(spec)
	if err != nil {
		panic(err)
	}
	return v1alpha1.Action{
		Name: name, OnStop: w.onStop, OnAbandon: w.onAbandon, Job: &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: raw}},
	}
}

func (w work) exitCode() int {
	if w.fails {
		return 1
	}
	return 0
}

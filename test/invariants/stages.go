// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// checkStages is I11: "At most one execution is in a stage of a QUEUED or SUPERSEDED pipeline." Executions that were created before the
// pipeline became one may be in a stage together, and so may those of Pipelines of which one took the place of another.
func checkStages(h *History, r *Result) {
	o := occupancy{History: h, serialSince: h.serialSince(), present: map[types.UID]*v1alpha1.PipelineExecution{}, created: map[types.UID]uint64{}}
	for i := range h.Changes {
		if c := &h.Changes[i]; c.Kind == simcluster.Execution {
			o.follow(r, c)
		}
	}
}

// occupancy is who is in which stage, at a position of a history.
type occupancy struct {
	*History
	serialSince map[client.ObjectKey]uint64
	present     map[types.UID]*v1alpha1.PipelineExecution
	created     map[types.UID]uint64
}

// follow notes a change of an execution, and checks that nobody else is in the stage that it enters.
func (o *occupancy) follow(r *Result, c *Change) {
	execution, there := c.New.(*v1alpha1.PipelineExecution)
	if !there {
		delete(o.present, c.uid())
		return
	}
	if o.created[execution.UID] == 0 {
		o.created[execution.UID] = c.Position
	}
	before := o.present[execution.UID]
	o.present[execution.UID] = execution
	entered := stageOf(execution) != "" && (before == nil || stageOf(before) != stageOf(execution))
	if !entered || !o.isSerialFor(execution) {
		return
	}
	r.Checked++
	for uid, other := range o.present {
		if uid != execution.UID && pipelineKey(other) == pipelineKey(execution) && stageOf(other) == stageOf(execution) && o.isSerialFor(other) &&
			!o.hasLost(uid, c) && !o.hasLost(execution.UID, c) {
			r.violateUnlessLost(o.History, o.findLife(simcluster.Execution, uid), c.Position, execution.UID,
				"execution %q entered stage %q while %q was in it", execution.Name, stageOf(execution), other.Name)
		}
	}
}

// isSerialFor reports whether the pipeline of an execution has let one at a time into a stage since that was created.
func (o *occupancy) isSerialFor(execution *v1alpha1.PipelineExecution) bool {
	since, serial := o.serialSince[pipelineKey(execution)]
	return serial && since <= o.created[execution.UID]
}

// hasLost reports whether somebody removed before what the status of an execution shows of its stages.
func (o *occupancy) hasLost(uid types.UID, c *Change) bool {
	return o.isWiped(uid, c.Position, partState|partStages)
}

// stageOf returns the stage that an execution is in, or nothing.
func stageOf(execution *v1alpha1.PipelineExecution) string {
	if execution.Status.State.IsFinal() || execution.Status.WaitingForStage != nil {
		return ""
	}
	return execution.Status.CurrentStage
}

func pipelineKey(execution *v1alpha1.PipelineExecution) client.ObjectKey {
	return client.ObjectKey{Namespace: execution.Namespace, Name: execution.Spec.PipelineName}
}

// serialSince returns from which position on each pipeline lets one execution at a time into a stage. One that does not in the end, or
// of whose name there were several Pipelines, is not among them.
func (h *History) serialSince() map[client.ObjectKey]uint64 {
	since, lives := map[client.ObjectKey]uint64{}, map[client.ObjectKey]int{}
	for _, l := range h.Lives(simcluster.Pipeline) {
		name := client.ObjectKey{Namespace: l.Key.Namespace, Name: l.Last().New.(*v1alpha1.Pipeline).EffectiveName()}
		lives[name]++
		if !isSerial(l.Last().New) {
			continue
		}
		since[name] = l.First().Position
		for i, c := range l.Versions[:len(l.Versions)-1] {
			if !isSerial(c.New) {
				since[name] = l.Versions[i+1].Position
			}
		}
	}
	for name, n := range lives {
		if n > 1 {
			delete(since, name)
		}
	}
	return since
}

func isSerial(o client.Object) bool {
	return o.(*v1alpha1.Pipeline).Spec.ExecutionMode.IsSerial()
}

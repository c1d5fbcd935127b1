// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// controllerNames are those of the controllers, by the kinds that each writes alone.
var controllerNames = map[simcluster.Kind]string{
	simcluster.Pipeline: "pipeline", simcluster.Execution: "pipelineexecution", simcluster.StopRequest: "stoprequest",
	simcluster.Revision: "revision", simcluster.ApprovalResult: "approvalresult",
}

// checkWriters is I7: "An object whose controller is not this execution is never changed or deleted. The execution's reconciler
// alone writes an execution, the stop request's reconciler alone writes a stop request, and the pipeline's reconciler alone
// writes a pipeline." An execution that retries another writes its own name into the final status of that one. Which reconciler it was and for which object is checked if the history has the reconciliations.
func checkWriters(h *History, r *Result) {
	for i := range h.Changes {
		c := &h.Changes[i]
		if c.Writer == WriterOperator {
			r.Checked++
			if !h.mayWrite(c) || !mayReconciliationWrite(c) {
				r.violate(c.Position, ExecutionOf(anyVersion(c)), "%s wrote %s %q%s, which is not its to write", c.By, c.Kind, c.Key.Name, describeReconciliation(c))
			}
		}
	}
	for _, l := range h.Lives(simcluster.Job) {
		if isControlledByExecution(l.First().New) {
			continue
		}
		r.Checked++
		if l.Removal != nil && l.Removal.mayBeOperators() {
			r.violate(l.Removal.Position, "", "Job %q of somebody else's is gone", l.Key.Name)
		}
	}
}

func anyVersion(c *Change) client.Object {
	if c.New != nil {
		return c.New
	}
	return c.Old
}

// mayWrite reports whether any reconciler of the operator may make a change. Of a Job that is there, the controller that it had
// before counts, if that is known.
func (h *History) mayWrite(c *Change) bool {
	switch c.Kind {
	case simcluster.Job:
		if c.Old != nil {
			return isControlledByExecution(c.Old)
		}
		return !c.isCreation() || isControlledByExecution(c.New)
	case simcluster.Claim:
		return c.isCreation() && isControlledByExecution(c.New)
	case simcluster.Revision:
		return c.isCreation() || c.Old != nil
	case simcluster.Pod:
		return h.isLeftPod(c) && (c.New == nil || c.Old.GetDeletionTimestamp() == nil && c.New.GetDeletionTimestamp() != nil) || h.shortensGrace(c)
	}
	return !c.isCreation() && c.New != nil || c.isRetention()
}

// isLeftPod reports whether a pod is one of an execution whose Job is gone or is being deleted by somebody: "the pods of an
// abandoned action whose Job somebody deleted".
func (h *History) isLeftPod(c *Change) bool {
	if c.Old == nil || c.Old.GetLabels()[v1alpha1.LabelExecutionID] == "" {
		return false
	}
	l := h.findLife(simcluster.Job, jobOf(c.Old))
	if l == nil {
		return false
	}
	job := l.ObjectAt(c.After)
	return job == nil || job.GetDeletionTimestamp() != nil
}

// firstVersion returns what was there before a change, or what it created.
func (c *Change) firstVersion() client.Object {
	if c.Old != nil {
		return c.Old
	}
	return c.New
}

// mayReconciliationWrite reports whether a change is for its reconciliation to make; true if the reconciliation is not known.
func mayReconciliationWrite(c *Change) bool {
	if c.Request == nil || c.Request.Reconciliation == nil {
		return true
	}
	by := c.Request.Reconciliation
	if by.Controller == controllerNames[simcluster.Execution] && isWorkKind(c.Kind) {
		return mayExecutionWrite(c, by.UID)
	}
	switch {
	case isWorkKind(c.Kind):
		return c.Kind == simcluster.Revision && by.Controller == controllerNames[simcluster.Revision] && !c.isCreation()
	case c.isDeletion():
		return c.isRetention()
	}
	return by.Controller == controllerNames[c.Kind] && c.Old != nil && (by.UID == c.Old.GetUID() || isClaimOf(c, by.UID))
}

// isWorkKind reports whether a kind is one that executions make: their revisions, claims, Jobs and pods.
func isWorkKind(k simcluster.Kind) bool {
	return k == simcluster.Job || k == simcluster.Claim || k == simcluster.Pod || k == simcluster.Revision
}

// mayExecutionWrite reports whether a change of such a kind is for the reconciliation of an execution to make.
func mayExecutionWrite(c *Change, execution types.UID) bool {
	switch c.Kind {
	case simcluster.Pod:
		return isPodOf(c, execution)
	case simcluster.Revision:
		return c.New != nil
	}
	return execution != "" && execution == controllerOf(c.firstVersion())
}

// isPodOf reports whether a pod belongs to an execution. Somebody may take the label off one that ends, before its grace period is
// shortened.
func isPodOf(c *Change, execution types.UID) bool {
	id := anyVersion(c).GetLabels()[v1alpha1.LabelExecutionID]
	ends := c.Old != nil && c.Old.GetDeletionTimestamp() != nil
	return string(execution) == id || id == "" && ends
}

func describeReconciliation(c *Change) string {
	if c.Request == nil || c.Request.Reconciliation == nil {
		return ""
	}
	return " in reconciling " + c.Request.Reconciliation.Controller + " " + c.Request.Reconciliation.Object.Name
}

// checkSpecs is I7 for what a person asked for: no write of the operator changes a spec, who started an execution or who asked
// for a stop included.
func checkSpecs(h *History, r *Result) {
	for i := range h.Changes {
		c := &h.Changes[i]
		if !c.mayBeOperators() || c.Old == nil || c.New == nil || !isOurs(c.Kind) {
			continue
		}
		if c.Kind == simcluster.Pipeline && c.Writer == WriterUnknown {
			// A person may change a Pipeline.
			continue
		}
		r.Checked++
		if !equality.Semantic.DeepEqual(specOf(c.Old), specOf(c.New)) {
			r.violate(c.Position, ExecutionOf(c.New), "%s changed the spec of %s %q", formatWriter(c), c.Kind, c.Key.Name)
		}
	}
}

func specOf(o client.Object) any {
	switch o := o.(type) {
	case *v1alpha1.Pipeline:
		return o.Spec
	case *v1alpha1.PipelineExecution:
		return o.Spec
	case *v1alpha1.StopRequest:
		return o.Spec
	case *v1alpha1.ApprovalResult:
		return o.Spec
	}
	return nil
}

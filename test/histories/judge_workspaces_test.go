// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// claimRecord is a PersistentVolumeClaim as it was last committed, with the lengths of the history when it was created and when somebody
// deleted it; 0 if nobody has.
type claimRecord struct {
	*corev1.PersistentVolumeClaim
	created, lost int
}

// isOf reports whether it is the claim that an execution got for itself.
func (claim *claimRecord) isOf(execution *executionRecord) bool {
	return metav1.IsControlledBy(claim, execution)
}

// hasTemplate reports whether each execution gets a claim of its own.
func (d *definition) hasTemplate() bool {
	return d.workspace != nil && d.workspace.VolumeClaimTemplate != nil
}

// mounts reports whether the Job of an action has the workspace.
func (d *definition) mounts(k model.Key) bool {
	a := d.actions[k]
	return d.workspace != nil && a.Job != nil && a.Workspace != v1alpha1.WorkspaceNone
}

func isOperator(name string) bool { return strings.HasPrefix(name, "operator") }

func (j *judge) judgeClaim(c simcluster.Change) {
	now := len(j.store.History)
	o, exists := c.New.(*corev1.PersistentVolumeClaim)
	if !exists {
		o = c.Old.(*corev1.PersistentVolumeClaim)
	}
	claim := j.claims[o.UID]
	if claim == nil {
		claim = &claimRecord{created: now}
		j.claims[o.UID] = claim
	}
	claim.PersistentVolumeClaim = o
	if (!exists || o.DeletionTimestamp != nil) && claim.lost == 0 {
		claim.lost = now
		if isOperator(c.By) {
			j.addFinding("%s deletes the claim %q", c.By, o.Name)
		}
	}
	if c.Old == nil && isOperator(c.By) {
		j.judgeNewClaim(claim, c.By)
	}
}

// judgeNewClaim judges a claim that an operator creates: it is the one that its execution has recorded and did not have yet, and nobody has
// asked to stop the execution. An operator that was paused since its last live check may not know either.
func (j *judge) judgeNewClaim(claim *claimRecord, by string) {
	execution := j.executions[types.UID(claim.Labels[v1alpha1.LabelExecutionID])]
	if execution == nil || !claim.isOf(execution) {
		j.addFinding("claim %q is created for no execution, or does not go with it", claim.Name)
		return
	}
	recorded := execution.Status.Workspace
	if recorded == nil || recorded.ClaimName != claim.Name || !execution.definition.hasTemplate() {
		j.addFinding("claim %q is created for execution %q, which has not recorded that name", claim.Name, execution.Name)
		return
	}
	checkedAt, hasChecked := j.lastCheck[by]
	for what, since := range map[string]int{"has a claim": execution.claimedAt, "is stopped": execution.stoppedAt} {
		switch {
		case since == 0:
		case hasChecked && checkedAt < since:
			j.known[lateClaim]++
		default:
			j.addFinding("claim %q is created for execution %q, which %s", claim.Name, execution.Name, what)
		}
	}
}

// judgeWorkspace judges what an execution records about its claim: a name, then the uid of a claim of that name, and both for good.
func (j *judge) judgeWorkspace(execution *executionRecord, before *v1alpha1.PipelineExecutionStatus) {
	if execution.stoppedAt == 0 && execution.state != model.InProgress {
		execution.stoppedAt = len(j.store.History)
	}
	was, is := before.Workspace, execution.Status.Workspace
	switch {
	case is == nil && was == nil:
		return
	case is == nil || was != nil && (was.ClaimName != is.ClaimName || was.UID != "" && was.UID != is.UID):
		j.addFinding("execution %q had the claim %+v, and has %+v", execution.Name, was, is)
		return
	case is.UID == "" || execution.claimedAt > 0:
		return
	}
	execution.claimedAt = len(j.store.History)
	claim := j.claims[types.UID(is.UID)]
	if claim == nil || claim.Name != is.ClaimName || claim.isOf(execution) != execution.definition.hasTemplate() {
		j.addFinding("execution %q records %q as the uid of its claim %q, which it is not", execution.Name, is.UID, is.ClaimName)
	}
}

// judgeMount judges what a Job mounts when an operator creates it: the claim that the execution has recorded, which was there when the operator
// last looked.
func (j *judge) judgeMount(execution *executionRecord, created *jobRecord, o *batchv1.Job, by string) {
	name := ""
	for _, v := range o.Spec.Template.Spec.Volumes {
		if v.Name == v1alpha1.WorkspaceVolume {
			name = v.PersistentVolumeClaim.ClaimName
		}
	}
	recorded := execution.Status.Workspace
	switch mounts := execution.definition.mounts(created.key); {
	case !mounts && name == "":
		return
	case !mounts, recorded == nil, recorded.UID == "", recorded.ClaimName != name:
		j.addFinding("Job %q of execution %q mounts the claim %q", o.Name, execution.Name, name)
		return
	}
	claim, lookedAt := j.claims[types.UID(recorded.UID)], 0
	if at, hasLooked := j.lastLookAtClaim[by]; hasLooked {
		lookedAt = at
	} else {
		j.addFinding("%s starts Job %q, and has not looked at its claim", by, o.Name)
	}
	if claim != nil && claim.lost > 0 && claim.lost <= lookedAt {
		j.addFinding("%s starts Job %q, and its claim %q is gone", by, o.Name, name)
	}
}

// hasNoWorkspace reports whether an action has failed because its workspace was not to be had, and judges that.
func (j *judge) hasNoWorkspace(execution *executionRecord, k model.Key, by string) bool {
	reason := findAction(&execution.Status, k).Reason
	isTrue := false
	switch reason {
	case v1alpha1.ReasonWorkspaceLost:
		isTrue = j.hasClaim(execution, func(c *claimRecord) bool {
			recorded := execution.Status.Workspace.UID
			return c.lost > 0 && (recorded == string(c.UID) || recorded == "" && c.isOf(execution))
		})
	case v1alpha1.ReasonWorkspaceNameTaken:
		isTrue = execution.definition.hasTemplate() && j.hasClaim(execution, func(c *claimRecord) bool { return !c.isOf(execution) })
	case v1alpha1.ReasonWorkspaceNotFound:
		// It was not there all the time since the operator began to look.
		isTrue = !execution.definition.hasTemplate() && !j.hasClaim(execution, func(c *claimRecord) bool { return c.lost == 0 && c.created <= j.began[by] })
	default:
		return false
	}
	if !isTrue || !execution.definition.mounts(k) {
		j.addFinding("action %q of execution %q is Failed because of %s, which is not true", k.Action, execution.Name, reason)
	}
	execution.withoutClaim[k] = true
	return true
}

// hasClaim reports whether a predicate holds for any claim, present or past, that had the name of the workspace of an execution.
func (j *judge) hasClaim(execution *executionRecord, is func(*claimRecord) bool) bool {
	recorded := execution.Status.Workspace
	for _, c := range j.claims {
		if recorded != nil && c.Name == recorded.ClaimName && is(c) {
			return true
		}
	}
	return false
}

// findAction returns what a status has about an action.
func findAction(status *v1alpha1.PipelineExecutionStatus, k model.Key) v1alpha1.ActionStatus {
	for _, s := range status.Stages {
		for _, a := range s.Actions {
			if s.Name == k.Stage && a.Name == k.Action {
				return a
			}
		}
	}
	return v1alpha1.ActionStatus{}
}

// judgeClaimsAtRest judges which claims are left when nobody has anything to do: none of an execution that is gone.
func (j *judge) judgeClaimsAtRest() {
	for _, o := range j.store.All(simcluster.Claim) {
		execution := j.executions[types.UID(o.GetLabels()[v1alpha1.LabelExecutionID])]
		if execution != nil && execution.isGone {
			j.addFinding("execution %q is gone, and its claim %q is not", execution.Name, o.GetName())
		}
	}
}

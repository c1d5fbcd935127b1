// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"time"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
)

// findLimit returns how long an execution may be in progress, or 0.
func (execution *executionRecord) findLimit() time.Duration {
	switch {
	case execution.Spec.TimeoutSeconds != nil:
		return time.Duration(*execution.Spec.TimeoutSeconds) * time.Second
	case execution.definition.timeoutSeconds != nil:
		return time.Duration(*execution.definition.timeoutSeconds) * time.Second
	}
	return 0
}

// judgeLimits judges which time limits a write finds exceeded: there is one, it is over, and nobody has asked to stop the execution.
func (j *judge) judgeLimits(execution *executionRecord, before *v1alpha1.PipelineExecutionStatus) {
	now := j.store.Clock.Now()
	if execution.Status.TimedOutTime != nil && before.TimedOutTime == nil {
		limit := execution.findLimit()
		if limit == 0 || execution.Status.StartTime == nil || now.Before(execution.Status.StartTime.Add(limit)) || execution.state != model.InProgress {
			j.addFinding("execution %q, %s, has exceeded its time limit of %s", execution.Name, execution.state, limit)
		}
	}
	for _, s := range execution.Status.Stages {
		for _, a := range s.Actions {
			k := model.Key{Stage: s.Name, Action: a.Name}
			if a.TimedOut == nil || execution.timedOut[k] {
				continue
			}
			execution.timedOut[k] = true
			if a.TimedOut.Reason == v1alpha1.ReasonStartTimedOut {
				j.judgeStartLimit(execution, k, a.StartTime.Time)
			} else if execution.Status.TimedOutTime == nil {
				j.addFinding("action %q of execution %q ends because of a time limit, which is not exceeded", k.Action, execution.Name)
			}
		}
	}
}

// judgeStartLimit judges that an action has not started in time: it has such a limit, which is over.
func (j *judge) judgeStartLimit(execution *executionRecord, k model.Key, started time.Time) {
	seconds := execution.definition.actions[k].StartTimeoutSeconds
	if seconds == nil || j.store.Clock.Now().Before(started.Add(time.Duration(*seconds)*time.Second)) || execution.state != model.InProgress {
		j.addFinding("action %q of execution %q did not start in time, and had more", k.Action, execution.Name)
	}
}

// judgeLimitsAtRest judges an execution that is in progress when nobody has anything to do: no time limit of it is over.
func (j *judge) judgeLimitsAtRest(execution *executionRecord) {
	now, limit := j.store.Clock.Now(), execution.findLimit()
	if started := execution.Status.StartTime; limit > 0 && started != nil && now.After(started.Add(limit+2*time.Second)) {
		j.addFinding("execution %q is in progress, and its time limit of %s is over", execution.Name, limit)
	}
	for _, s := range execution.Status.Stages {
		for _, a := range s.Actions {
			k := model.Key{Stage: s.Name, Action: a.Name}
			seconds := execution.definition.actions[k].StartTimeoutSeconds
			if seconds != nil && a.State == v1alpha1.ActionInProgress && execution.ran[k] == nil &&
				now.After(a.StartTime.Add(time.Duration(*seconds+2)*time.Second)) {
				j.addFinding("action %q of execution %q waits for its first pod, and its time is up", k.Action, execution.Name)
			}
			if a.Approval != nil && a.State == v1alpha1.ActionInProgress && now.After(a.Approval.ExpirationTime.Time) {
				j.addFinding("approval %q of execution %q waits, and its time is up", k.Action, execution.Name)
			}
		}
	}
}

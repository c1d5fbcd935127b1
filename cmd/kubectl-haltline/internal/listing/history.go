// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package listing

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
	"haltline.dev/haltline/internal/text"
)

// Filter is which finished executions a history has.
type Filter struct {
	// Since is when they ended at the earliest; zero lets all pass.
	Since time.Time
	// Stopped is whether only those pass that were stopped.
	Stopped bool
}

// Passes reports whether an execution is one of the history.
func (f Filter) Passes(e *v1alpha1.PipelineExecution) bool {
	return view.IsFinished(e) && (!f.Stopped || e.Status.State == v1alpha1.ExecutionStopped) &&
		(f.Since.IsZero() || !endOf(e).Before(f.Since))
}

// endOf returns when an execution ended; its creation if that is not known.
func endOf(e *v1alpha1.PipelineExecution) time.Time {
	if e.Status.CompletionTime != nil {
		return e.Status.CompletionTime.Time
	}
	return e.CreationTimestamp.Time
}

// SortByEnd puts executions that ended later first.
func SortByEnd(executions []*v1alpha1.PipelineExecution) {
	slices.SortStableFunc(executions, func(a, b *v1alpha1.PipelineExecution) int {
		return cmp.Or(endOf(b).Compare(endOf(a)), b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Name, b.Name))
	})
}

// maxWhy is how many characters of why an execution ended a table has that is not wide.
const maxWhy = 80

// History returns the table of "history", of executions that have finished.
func History(executions []*v1alpha1.PipelineExecution, now time.Time, o Options) cli.Table {
	t := cli.Table{Headers: []string{"NAME", "PIPELINE", "END", "ENDED", "TOOK", "STARTED-BY", "STOPPED-BY", "WHY"}}
	if o.Wide {
		t.Headers = []string{"NAME", "PIPELINE", "END", "ENDED", "TOOK", "STARTED-BY", "STOPPED-BY", "STOP-REQUESTS", "ID", "WHY"}
	}
	for _, e := range executions {
		row := []string{e.Name, e.Spec.PipelineName, cli.MarkWord(view.MarkExecution(e))}
		took := view.Duration(view.Took(e, now))
		if o.Wide {
			row = append(row, endOf(e).UTC().Format(time.RFC3339), took, view.StartedBy(e), view.StoppedBy(e), stopRequests(e), string(e.UID), whyEnded(e))
		} else {
			row = append(row, view.Duration(max(now.Sub(endOf(e)), 0))+" ago", took, view.StartedBy(e), view.StoppedBy(e), text.Bound(whyEnded(e), maxWhy))
		}
		t.Rows = append(t.Rows, row)
	}
	return o.addNamespaces(t, executions)
}

// stopRequests returns the names of the requests that stopped an execution, in their order.
func stopRequests(e *v1alpha1.PipelineExecution) string {
	if e.Status.Stop == nil {
		return ""
	}
	var names []string
	for _, r := range e.Status.Stop.Requests {
		names = append(names, r.Name)
	}
	return strings.Join(names, ",")
}

// whyEnded returns why an execution ended as it did; nothing for one that succeeded.
func whyEnded(e *v1alpha1.PipelineExecution) string {
	switch e.Status.State {
	case v1alpha1.ExecutionStopped:
		return view.WhyStopped(e)
	case v1alpha1.ExecutionSuperseded:
		return "superseded by " + e.Status.SupersededBy
	case v1alpha1.ExecutionFailed:
		return view.Message(e)
	default:
		return ""
	}
}

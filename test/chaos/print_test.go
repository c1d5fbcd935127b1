// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// happening is a line of a printed history.
type happening struct {
	rv   uint64
	at   time.Time
	text string
}

// print prints all that happened about an execution, in the order of the API server: what was stored by its revision,
// what failed by the time.
func (h *history) print(execution string) string {
	var lines []happening
	for _, l := range h.lives {
		if executionOf(l.first().object) != execution {
			continue
		}
		for _, v := range l.versions {
			lines = append(lines, happening{v.rv, v.at, fmt.Sprintf("%-9d %s", v.rv, tell(&v))})
		}
		if l.gone != nil {
			lines = append(lines, happening{l.gone.high, time.Time{}, fmt.Sprintf("%-9d %s is gone", l.gone.high, name(l.last().object))})
		}
	}
	for _, e := range append(slices.Clone(h.entries), h.lost...) {
		if stored(e) == nil && e.ObjectRef.Resource != "events" && h.about(e) == execution {
			lines = append(lines, happening{0, e.StageTimestamp, "-         " + line(e)})
		}
	}
	var b strings.Builder
	for _, l := range inOrder(lines) {
		fmt.Fprintf(&b, "  %s %s\n", l.at.UTC().Format("15:04:05.000"), l.text)
	}
	return b.String()
}

// inOrder puts what was stored in the order of the revisions, and what was not between it by the time.
func inOrder(lines []happening) []happening {
	slices.SortStableFunc(lines, func(a, b happening) int {
		return cmp.Or(cmp.Compare(a.rv, b.rv), a.at.Compare(b.at))
	})
	stored := slices.IndexFunc(lines, func(l happening) bool { return l.rv != 0 })
	if stored < 0 {
		return lines
	}
	timed, merged := lines[:stored], []happening{}
	for _, l := range lines[stored:] {
		for len(timed) > 0 && timed[0].at.Before(l.at) {
			merged, timed = append(merged, timed[0]), timed[1:]
		}
		merged = append(merged, l)
	}
	return append(merged, timed...)
}

// line prints a request.
func line(e *entry) string {
	outcome := fmt.Sprintf("→ %d", e.ResponseStatus.Code)
	if e.Stage == "RequestReceived" {
		outcome = "→ the API server was killed"
	}
	if e.dryRun() {
		outcome += " (dry run)"
	}
	return fmt.Sprintf("%s: %s %s %s/%s %s", e.agent(), e.Verb, e.resource(), e.ObjectRef.Namespace, e.ObjectRef.Name, outcome)
}

// tell prints a version: who wrote it, and what it says.
func tell(v *version) string {
	who := "(seen by the watch)"
	if v.entry != nil {
		who = fmt.Sprintf("%s: %s", v.entry.agent(), v.entry.Verb)
	}
	return fmt.Sprintf("%s %s: %s", who, name(v.object), says(v.object))
}

func name(o client.Object) string {
	return fmt.Sprintf("%s %s", strings.TrimPrefix(fmt.Sprintf("%T", o), "*"), o.GetName())
}

func says(o client.Object) string {
	switch o := o.(type) {
	case *v1alpha1.PipelineExecution:
		return saysExecution(o)
	case *v1alpha1.StopRequest:
		if c := verdict(o); c != nil {
			return fmt.Sprintf("%s, state %s", c.Reason, o.Status.State)
		}
		return fmt.Sprintf("%s, no verdict", o.Mode())
	case *batchv1.Job:
		return saysJob(o)
	case *corev1.Pod:
		return fmt.Sprintf("%s%s", o.Status.Phase, deleting(o))
	}
	return ""
}

func saysExecution(e *v1alpha1.PipelineExecution) string {
	parts := []string{cmp.Or(string(e.Status.State), "new") + deleting(e)}
	if s := e.Status.Stop; s != nil {
		parts = append(parts, fmt.Sprintf("stop %s of", s.Mode))
		for _, r := range s.Requests {
			parts = append(parts, r.Name)
		}
	}
	for _, s := range e.Status.Stages {
		for _, a := range s.Actions {
			text := a.Name + "=" + string(a.State)
			if a.State == v1alpha1.ActionInProgress && a.Workload.UID == "" {
				text += "(open)"
			}
			if a.CompletionTime != nil {
				text += "(ended)"
			}
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " ")
}

func saysJob(j *batchv1.Job) string {
	parts := []string{j.Annotations[v1alpha1.AnnotationAction] + deleting(j)}
	if isPlaceholder(j) {
		parts = append(parts, "placeholder")
	}
	if isOrphan(j) {
		parts = append(parts, "orphaned")
	}
	if j.Spec.Suspend != nil && *j.Spec.Suspend {
		parts = append(parts, "suspend")
	}
	for _, c := range j.Status.Conditions {
		parts = append(parts, fmt.Sprintf("%s=%s", c.Type, c.Status))
	}
	raw, _ := json.Marshal(map[string]int32{"active": j.Status.Active, "failed": j.Status.Failed, "succeeded": j.Status.Succeeded})
	return strings.Join(append(parts, string(raw), string(j.UID)), " ")
}

func deleting(o client.Object) string {
	if o.GetDeletionTimestamp() != nil {
		return " (being deleted)"
	}
	return ""
}

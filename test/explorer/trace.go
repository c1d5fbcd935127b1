// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// Name says which run it was, as -replay takes it.
func (s *Sim) Name() string {
	parts := []string{s.Scenario.Name}
	for _, t := range s.Trouble {
		parts = append(parts, t.String())
	}
	return strings.Join(parts, ",")
}

// Trace tells what happened, so that a person can follow it.
func (s *Sim) Trace(found []Violation) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s\n", s.Name())
	for _, v := range found {
		fmt.Fprintf(b, "  VIOLATED %s\n", v)
	}
	calls := slices.Clone(s.Op.Calls)
	for _, o := range s.Others {
		calls = append(calls, o.Calls...)
	}
	slices.SortStableFunc(calls, func(a, b *simcluster.Call) int { return a.Before - b.Before })
	next, end := 0, s.end(found)
	for i := 0; i <= end; i++ {
		var lines []string
		for ; next < len(calls) && calls[next].Before <= i; next++ {
			if line := callLine(calls[next]); line != "" {
				lines = append(lines, line)
			}
		}
		few(b, lines)
		s.mark(b, i, found)
		if i < len(s.Store.History) {
			fmt.Fprintln(b, changeLine(i, &s.Store.History[i]))
		}
	}
	if end < len(s.Store.History) {
		fmt.Fprintf(b, "... %d more changes\n", len(s.Store.History)-end-1)
	} else {
		fmt.Fprintf(b, "What is left:\n%s", s.left())
	}
	fmt.Fprintf(b, "Replay: go test ./test/explorer -run TestReplay -v -replay='%s'\n", s.Name())
	return b.String()
}

// end is where a trace ends: with the change that violates, unless it is about what is left.
func (s *Sim) end(found []Violation) int {
	if len(found) == 0 {
		return len(s.Store.History)
	}
	end := 0
	for _, v := range found {
		end = max(end, v.At)
	}
	return end
}

// few writes the first and the last of what was called between two changes; an operator that asks again and again does so
// in the same words.
func few(b *strings.Builder, lines []string) {
	const edge = 6
	for n, line := range lines {
		switch {
		case n < edge || n >= len(lines)-edge:
			fmt.Fprintln(b, line)
		case n == edge:
			fmt.Fprintf(b, "  ... %d more calls that changed nothing\n", len(lines)-2*edge)
		}
	}
}

func (s *Sim) mark(b *strings.Builder, i int, found []Violation) {
	for n, at := range s.injectedAt {
		if at == i && n < len(s.Trouble) {
			fmt.Fprintf(b, ">>>>>> injected about here: %s\n", s.Trouble[n])
		}
	}
	if i == s.Settled && i > 0 {
		fmt.Fprintln(b, "------ at rest; the operator is restarted")
	}
	for _, v := range found {
		if v.At == i {
			fmt.Fprintf(b, "!!!!!! %s: %s (the next change)\n", v.Invariant, v.Text)
		}
	}
}

// callLine tells of a call that wrote, or asked the API server itself, or went wrong.
func callLine(c *simcluster.Call) string {
	if c.Cached {
		return ""
	}
	result := "ok"
	if c.Err != nil {
		result = c.Err.Error()
	}
	return fmt.Sprintf("  %s call %d (%s %d) %s: %s", c.By, c.Number, c.Controller, c.Reconcile, c, result)
}

// Tell says what a change is, in a line.
func Tell(c *simcluster.Change) string { return changeLine(c.Seq-1, c) }

func changeLine(i int, c *simcluster.Change) string {
	switch {
	case c.New == nil:
		return fmt.Sprintf("%6d %-16s removes %s %s", i, c.By, c.Kind, c.Key.Name)
	case c.Old == nil:
		return fmt.Sprintf("%6d %-16s creates %s %s %s", i, c.By, c.Kind, c.Key.Name, summary(c.New))
	default:
		return fmt.Sprintf("%6d %-16s writes  %s %s %s", i, c.By, c.Kind, c.Key.Name, summary(c.New))
	}
}

func (s *Sim) left() string {
	b := &strings.Builder{}
	for _, k := range simcluster.Kinds {
		for _, o := range s.Store.All(k) {
			fmt.Fprintf(b, "  %s %s %s\n", k, o.GetName(), summary(o))
		}
	}
	return b.String()
}

// summary says the little of an object that a stop is about.
func summary(o client.Object) string {
	var words []string
	switch t := o.(type) {
	case *v1alpha1.PipelineExecution:
		words = append(words, "state="+string(t.Status.State))
		if t.Status.Stop != nil {
			words = append(words, fmt.Sprintf("stop=%s/%d", t.Status.Stop.Mode, len(t.Status.Stop.Requests)))
		}
		for _, st := range t.Status.Stages {
			for _, a := range st.Actions {
				words = append(words, actionSummary(&a))
			}
		}
	case *v1alpha1.StopRequest:
		words = append(words, "abandon="+fmt.Sprint(t.Spec.Abandon), "verdict="+verdictOf(t), "state="+string(t.Status.State))
	case *batchv1.Job:
		words = append(words, fmt.Sprintf("suspend=%t active=%d", isSuspended(t), t.Status.Active))
		for _, c := range t.Status.Conditions {
			words = append(words, fmt.Sprintf("%s=%s", c.Type, c.Status))
		}
		for _, l := range []string{v1alpha1.LabelPlaceholder, v1alpha1.LabelOrphaned} {
			if t.Labels[l] != "" {
				words = append(words, strings.TrimPrefix(l, v1alpha1.GroupVersion.Group+"/"))
			}
		}
		words = append(words, "controller="+short(string(controllerOf(t))))
	case *corev1.Pod:
		words = append(words, string(t.Status.Phase))
	}
	words = append(words, "uid="+short(string(o.GetUID())))
	if o.GetDeletionTimestamp() != nil {
		words = append(words, "DELETING", fmt.Sprint(o.GetFinalizers()))
	}
	return strings.Join(words, " ")
}

func actionSummary(a *v1alpha1.ActionStatus) string {
	return fmt.Sprintf("%s=%s(job %s)%s", a.Name, a.State, short(a.Workload.UID), a.Reason)
}

// short is the end of a uid, which differs.
func short(uid string) string { return uid[max(0, len(uid)-3):] }

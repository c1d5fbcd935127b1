// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/randfill"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/transition"
)

// FuzzWorkloadName: the name of a workload is a DNS label, whatever the names of stage and action are, and depends on all of
// them and on the attempt.
func FuzzWorkloadName(f *testing.F) {
	f.Add("run-1", executionUID, "build", "compile", int32(1))
	f.Add("nightly.2026.03.01", executionUID, "stage@1", "action_2", int32(0))
	f.Add(strings.Repeat("n", 39)+"-"+strings.Repeat("m", 30), "", "", "", int32(-1))
	f.Add(strings.Repeat("n", 36)+"-.-.m.m", "\x00", "a\x00b", "\xff", int32(2147483647))
	f.Add(strings.Repeat("é", 200), executionUID, strings.Repeat("s", 100000), "a", int32(-2147483648))
	f.Add("", "", "", "", int32(0))
	f.Fuzz(func(t *testing.T, name, uid, stage, action string, attempt int32) {
		got := nameWorkload(name, uid, stage, action, attempt)
		if got != nameWorkload(name, uid, stage, action, attempt) {
			t.Errorf("%q is not the name the next time", got)
		}
		if len(got) > validation.DNS1123LabelMaxLength {
			t.Errorf("%q has %d bytes", got, len(got))
		}
		// The API server checks the name of an object whatever the schema of its kind is.
		if len(validation.IsDNS1123Subdomain(name)) == 0 && len(validation.IsDNS1123Label(got)) > 0 {
			t.Errorf("%q: %v", got, validation.IsDNS1123Label(got))
		}
		for _, other := range []string{
			nameWorkload(name, uid, stage, action+"x", attempt), nameWorkload(name, uid, stage+"x", action, attempt),
			nameWorkload(name, uid+"x", stage, action, attempt), nameWorkload(name, uid, stage, action, attempt+1),
		} {
			if got == other {
				t.Errorf("%q is the name of another action or attempt as well", got)
			}
		}
	})
}

// FuzzNext: whatever an execution, its Pipeline and its requests hold, planning does not panic, final states are final, a
// stopped execution starts nothing, the API server takes the conditions, and the transitions are ones that are known.
func FuzzNext(f *testing.F) {
	for _, seed := range makeSeeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fill := makeFiller(data)
		in := Input{Execution: makeExecution(), Now: at(0)}
		fill.Fill(in.Execution)
		fill.Fill(&in.Revision)
		fill.Fill(&in.Definition)
		fill.Fill(&in.Problem)
		fill.Fill(&in.Requests)
		fill.Fill(&in.Now)
		fill.Fill(&in.Observed)
		observeSome(fill, &in)
		checkNext(t, in)
	})
}

// FuzzNextOfJSON: the same, for what an API server could have stored under no schema at all.
func FuzzNextOfJSON(f *testing.F) {
	f.Add(`{"status":{"state":"InProgress","stop":{"mode":"Wait"}}}`, `null`, `[]`, int64(0))
	f.Add(`{"status":{"state":"Stopping","stages":[{"actions":[{"state":"InProgress"},{"state":"Abandoned","workload":{"uid":"j"}}]}]}}`, `{}`, `[{}]`, int64(1))
	f.Add(`{"status":{"state":"Paused","stages":[{},{"actions":[{}]}],"stop":{"mode":"Never","requests":[{"escalationTime":null}]}}}`,
		`{"stages":[{"actions":[{}]},{}]}`, `[{"spec":{"escalateAfterSeconds":-9223372036854775808}}]`, int64(-62135596800))
	f.Add(`{"status":{"state":"Stopped","stop":null,"conditions":[{"type":"Ready"},{"type":"Ready"},{}]}}`, `null`, `[{"spec":{"abandon":true}}]`, int64(0))
	f.Add(`{"status":{"pipelineRevision":"gone","stages":[{"name":"s0","actions":[{"name":"a0","state":"NotStarted","runOrder":-2147483648}]}]}}`,
		`null`, `[]`, int64(253402300799))
	f.Fuzz(func(t *testing.T, execution, definition, requests string, now int64) {
		in := Input{Execution: &v1alpha1.PipelineExecution{}, Now: metav1.Unix(now, 0)}
		for text, into := range map[string]any{execution: in.Execution, definition: &in.Definition, requests: &in.Requests} {
			if json.Unmarshal([]byte(text), into) != nil {
				return // No such object.
			}
		}
		checkNext(t, in)
	})
}

// FuzzVariables: what an execution sets and what a Pipeline declares may be anything.
func FuzzVariables(f *testing.F) {
	for _, seed := range makeSeeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fill := makeFiller(data)
		var definition v1alpha1.PipelineDefinition
		var execution v1alpha1.PipelineExecutionSpec
		fill.Fill(&definition)
		fill.Fill(&execution)
		values, problem := ResolveVariables(definition.Variables, execution.Variables)
		if problem != nil && (values != nil || !validReason.MatchString(problem.Reason)) {
			t.Errorf("values %v, problem %+v", values, problem)
		}
		if problem == nil && len(values) != len(definition.Variables) {
			t.Errorf("%d variables are declared, and %d set", len(definition.Variables), len(values))
		}
	})
}

// validReason is the schema of metav1.Condition.
var validReason = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)

func checkNext(t *testing.T, in Input) {
	t.Helper()
	before := in.Execution.Status.DeepCopy()
	overdue, requeue := IsOverdue(before, in.Now), RequeueAfter(before, in.Now)
	after := Next(in)
	if !equality.Semantic.DeepEqual(before, &in.Execution.Status) {
		t.Fatalf("Next changed its input (-before +after):\n%s", cmp.Diff(before, &in.Execution.Status))
	}
	next := in.Execution.DeepCopy()
	next.Status = after
	operations := Operations(&next.Status, in.Definition)
	if before.State.IsFinal() {
		if !equality.Semantic.DeepEqual(before, &after) || operations != nil || requeue != 0 {
			t.Fatalf("a final state is not final: operations %v, requeue %v (-before +after):\n%s", operations, requeue, cmp.Diff(before, &after))
		}
	} else {
		checkConditions(t, &after)
	}
	if before.Stop != nil && after.Stop == nil {
		t.Errorf("the stop %+v is gone", before.Stop)
	}
	if (after.Stop != nil || before.State == v1alpha1.ExecutionStopping) && HasStart(operations) {
		t.Errorf("a stopped execution starts something: %+v", operations)
	}
	if requeue < 0 || requeue > time.Hour || (overdue && before.Stop == nil && lastTimeout(before) == nil) {
		t.Errorf("overdue %v, requeue %v", overdue, requeue)
	}
	if requeue := RequeueAfter(&after, in.Now); after.Stop != nil && !after.State.IsFinal() && requeue <= 0 {
		t.Errorf("a stop that goes on is not looked at again: %v", requeue)
	}
	checkTransitionsValid(t, Transitions(before, next))
}

func checkConditions(t *testing.T, status *v1alpha1.PipelineExecutionStatus) {
	t.Helper()
	if meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady) == nil {
		t.Error("no condition Ready")
	}
	for _, name := range []string{
		v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled,
		v1alpha1.ConditionSucceeded, v1alpha1.ConditionStopping, v1alpha1.ConditionStopped, v1alpha1.ConditionFinished,
	} {
		c := meta.FindStatusCondition(status.Conditions, name)
		if c == nil {
			continue
		}
		if !validReason.MatchString(c.Reason) || len(c.Reason) > 1024 || utf8.RuneCountInString(c.Message) > 1024 {
			t.Errorf("condition %s: reason %q, message of %d characters: %.100q", name, c.Reason, utf8.RuneCountInString(c.Message), c.Message)
		}
		if !slices.Contains([]metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse}, c.Status) {
			t.Errorf("condition %s: status %q", name, c.Status)
		}
	}
}

// executionTransitions are the types that package transition has for an execution.
var executionTransitions = []transition.Type{
	transition.Started, transition.ActionStarted, transition.ActionSucceeded, transition.ActionFailed, transition.ActionAbandoned,
	transition.WaitingForPipeline, transition.WaitingForStage, transition.TransitionDisabled, transition.Superseded, transition.StartBlocked,
	transition.Failing, transition.Fencing, transition.Stopping, transition.Escalated,
	transition.StopWaiting, transition.StopInGracePeriod, transition.Stopped, transition.Succeeded, transition.Failed,
}

func checkTransitionsValid(t *testing.T, transitions []transition.Transition) {
	t.Helper()
	for _, tr := range transitions {
		if !slices.Contains(executionTransitions, tr.Type) || tr.Message == "" {
			t.Errorf("nobody knows the transition %.200q", tr)
		}
	}
}

// observeSome observes some of the actions that the status has.
func observeSome(fill *randfill.Filler, in *Input) {
	for _, s := range in.Execution.Status.Stages {
		for _, a := range s.Actions {
			var o *Observation
			fill.Fill(&o)
			if o != nil && in.Observed != nil {
				in.Observed[ActionKey{s.Name, a.Name}] = *o
			}
		}
	}
}

// makeSeeds returns bytes that fill much, and bytes that fill little.
func makeSeeds() [][]byte {
	seeds := [][]byte{nil, []byte(strings.Repeat("\xff", 600)), []byte(strings.Repeat("\x00", 600))}
	for seed := range byte(40) {
		data := make([]byte, 900)
		for i := range data {
			data[i] = byte(i*i)*seed ^ byte(i>>3)*(seed+7) ^ seed
		}
		seeds = append(seeds, data)
	}
	return seeds
}

// makeFiller returns one that fills any object from the bytes, often with values that mean something here.
func makeFiller(data []byte) *randfill.Filler {
	return randfill.NewFromGoFuzz(data).NilChance(.25).NumElements(0, 4).Funcs(
		func(s *string, c randfill.Continue) { *s = pickWord(c) },
		func(u *types.UID, c randfill.Continue) { *u = types.UID(pickWord(c)) },
		func(t *metav1.Time, c randfill.Continue) { *t = pickTime(c) },
		func(m *metav1.ObjectMeta, c randfill.Continue) { *m = pickMetadata(c) },
		func(sr *runtime.RawExtension, c randfill.Continue) { sr.Raw = []byte(pickWord(c)) },
		func(s *v1alpha1.ExecutionState, c randfill.Continue) {
			*s = pickOne(c, "", v1alpha1.ExecutionInProgress, v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopping, v1alpha1.ExecutionStopping,
				v1alpha1.ExecutionStopped, v1alpha1.ExecutionSucceeded, v1alpha1.ExecutionFailed, "Odd\x00")
		},
		func(s *v1alpha1.StageState, c randfill.Continue) {
			*s = pickOne(c, "", v1alpha1.StageNotStarted, v1alpha1.StageInProgress, v1alpha1.StageStopping, v1alpha1.StageSucceeded, "odd")
		},
		func(s *v1alpha1.ActionState, c randfill.Continue) {
			*s = pickOne(c, "", v1alpha1.ActionNotStarted, v1alpha1.ActionInProgress, v1alpha1.ActionInProgress,
				v1alpha1.ActionSucceeded, v1alpha1.ActionFailed, v1alpha1.ActionAbandoned, "odd")
		},
		func(m *v1alpha1.StopMode, c randfill.Continue) {
			*m = pickOne(c, "", v1alpha1.StopModeWait, v1alpha1.StopModeWait, v1alpha1.StopModeAbandon, "odd")
		},
		func(o *v1alpha1.OnStop, c randfill.Continue) {
			*o = pickOne(c, "", v1alpha1.OnStopFinish, v1alpha1.OnStopAbandon, "odd")
		},
		func(o *v1alpha1.OnAbandon, c randfill.Continue) {
			*o = pickOne(c, "", v1alpha1.OnAbandonTerminate, v1alpha1.OnAbandonOrphan, "odd")
		},
		func(cond *metav1.Condition, c randfill.Continue) {
			c.FillNoCustom(cond)
			cond.Type = pickOne(c, v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStopping, pickWord(c))
		},
		func(definition *Problem, c randfill.Continue) {
			*definition = Problem{v1alpha1.ReasonInvalidVariables, pickWord(c)}
		},
		func(definition *Phase, c randfill.Continue) { *definition = Phase(c.Intn(9) - 1) },
	)
}

func pickOne[T any](c randfill.Continue, values ...T) T { return values[c.Intn(len(values))] }

// pickWord returns a string. Some are returned again and again.
func pickWord(c randfill.Continue) string {
	switch c.Intn(12) {
	case 0:
		return ""
	case 1:
		return strings.Repeat(pickOne(c, "é", "x", "\xff", "\"", "\U0010ffff", "%s"), c.Intn(3000))
	case 2:
		return strings.Repeat("n", 40000)
	case 3:
		return c.String(40)
	case 4:
		return pickOne(c, "\xff\xfe", "\x00", "%!s(int=1)", "a\nb", "..", "-", "s/a", executionUID)
	default:
		return pickOne(c, "s0", "s1", "a0", "a1", "run-1", revisionName)
	}
}

// pickMetadata returns what the API server lets through for every kind, whatever its schema.
func pickMetadata(c randfill.Continue) metav1.ObjectMeta {
	m := metav1.ObjectMeta{
		Namespace: pickOne(c, "team", strings.Repeat("n", 63)), Name: pickOne(c, "run-1", "run.2", strings.Repeat("n", 253)),
		UID: pickOne[types.UID](c, "", "r0", "r1", executionUID), Generation: int64(c.Uint64()), CreationTimestamp: pickTime(c),
	}
	c.Fill(&m.Labels)
	c.Fill(&m.DeletionTimestamp)
	return m
}

// pickTime returns a time, near or as far away as one can be.
func pickTime(c randfill.Continue) metav1.Time {
	switch c.Intn(6) {
	case 0:
		return metav1.Time{}
	case 1:
		return metav1.NewTime(time.Unix(1<<62, 999999999))
	case 2:
		return metav1.NewTime(time.Unix(-1<<62, 0))
	default:
		return at(c.Intn(100) - 50)
	}
}

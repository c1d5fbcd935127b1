// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	toolscache "k8s.io/client-go/tools/cache"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/randfill"
	"sigs.k8s.io/yaml"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/metrics"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/controllers/stop"
	"haltline.dev/haltline/controllers/verdict"
)

const fuzzUID = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"

// FuzzHandlers: whatever an informer tells of, no handler panics, and neither does what the cache itself calls.
func FuzzHandlers(f *testing.F) {
	fuzzSeeds(f, 1200)
	c := &fuzzedLists{}
	all := makeListeners(f, c)
	f.Fuzz(func(t *testing.T, data []byte) {
		fill := fuzzFiller(data)
		var d fuzzDice
		fill.Fill(&d)
		c.fill, c.d = fill, d
		for range 2 {
			before, after := anyObject(fill, d), anyObject(fill, d)
			for _, l := range all {
				notify(t, l, before, after)
			}
			checkCacheTakes(t, before)
			checkCacheTakes(t, after)
		}
	})
}

// fuzzedLists answers every list with any objects, or with an error.
type fuzzedLists struct {
	client.Client
	fill *randfill.Filler
	d    fuzzDice
}

func (f *fuzzedLists) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if f.d.Intn(4) == 0 {
		return errors.New("no such index")
	}
	switch list := list.(type) {
	case *v1alpha1.PipelineList:
		f.fill.Fill(&list.Items)
	case *v1alpha1.PipelineExecutionList:
		f.fill.Fill(&list.Items)
	case *v1alpha1.StopRequestList:
		f.fill.Fill(&list.Items)
	}
	return nil
}

// anyObject is what an informer could tell of: mostly an object, of a kind that is watched or of another.
func anyObject(fill *randfill.Filler, d fuzzDice) any {
	var o any
	switch d.Intn(10) {
	case 0:
		o = &v1alpha1.Pipeline{}
	case 1:
		o = &v1alpha1.PipelineExecution{}
	case 2:
		o = &v1alpha1.StopRequest{}
	case 3:
		o = &batchv1.Job{}
	case 4:
		o = &metav1.PartialObjectMetadata{}
	case 5:
		o = &corev1.Pod{}
	case 6:
		o = &appsv1.ControllerRevision{}
	case 7:
		u := &unstructured.Unstructured{}
		if json.Unmarshal([]byte(fuzzWord(d.Continue)), &u.Object) != nil {
			u.Object = map[string]any{"metadata": map[string]any{"labels": fuzzWord(d.Continue), "uid": d.Intn(9)}}
		}
		return u
	case 8:
		return toolscache.DeletedFinalStateUnknown{Key: fuzzWord(d.Continue), Obj: anyObject(fill, d)}
	default:
		return fuzzPick(d.Continue, oddObjects()...)
	}
	fill.Fill(o)
	return o
}

// FuzzPipelineStatus: whatever job templates are, what is said of a Pipeline is what the API server takes.
func FuzzPipelineStatus(f *testing.F) {
	f.Add("s", "a", `{}`)
	f.Add(strings.Repeat("s", 100), strings.Repeat("a", 100), `{"no":1,"such":2,"field":{}}`)
	f.Add("\"\\", "é", `{"template":{"spec":{"containers":[{"image":1}]}}}`)
	f.Add("s", "a", `{"managedBy":"\u0000"}`)
	f.Add("s", "a", ``)
	schema := statusSchema(f, "pipelines")
	f.Fuzz(func(t *testing.T, stage, action, spec string) {
		p := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web", UID: fuzzUID, Generation: 2}}
		p.Spec.Stages = []v1alpha1.Stage{{Name: fuzzCut(stage, 100), Actions: []v1alpha1.Action{{
			Name: fuzzCut(action, 100), Job: &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: []byte(spec)}},
		}}}}
		at := metav1.NewTime(time.Unix(1e9, 0))
		p.Status = nextPipelineStatus(p, findDefinitionProblem(newRegistry(nil, nil), p.Spec.Definition()), at)
		checkSchema(t, schema, p.Status)
		if p.Status = nextPipelineStatus(p, nil, at); !meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady) {
			t.Errorf("a Pipeline without a problem is %+v", p.Status)
		}
		checkSchema(t, schema, p.Status)
	})
}

// FuzzHistory: whatever is observed of an execution that its schema let through, and whoever stops it, each status that is
// written is one that the schema lets through, a final one is the last, and so are the statuses of the requests.
func FuzzHistory(f *testing.F) {
	fuzzSeeds(f, 3000)
	executions, requests := statusSchema(f, "pipelineexecutions"), statusSchema(f, "stoprequests")
	f.Fuzz(func(t *testing.T, data []byte) {
		var d fuzzDice
		fuzzFiller(data).Fill(&d)
		h := newFuzzHistory(d)
		for range 14 {
			h.step(t)
			checkSchema(t, executions, h.e.Status)
			for i := range h.asked {
				checkSchema(t, requests, h.asked[i].Status)
			}
		}
	})
}

// fuzzHistory is an execution with the requests to stop it.
type fuzzHistory struct {
	d     fuzzDice
	e     *v1alpha1.PipelineExecution
	p     *v1alpha1.PipelineDefinition
	asked []v1alpha1.StopRequest
	now   metav1.Time
}

func newFuzzHistory(d fuzzDice) *fuzzHistory {
	h := &fuzzHistory{d: d, p: &v1alpha1.PipelineDefinition{}, now: metav1.NewTime(time.Unix(1e9, 0))}
	h.e = &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: fuzzPick(d.Continue, "run-1", "r.2", strings.Repeat("n", 253)), UID: fuzzUID, Generation: 1},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: fuzzPick(d.Continue, "web", strings.Repeat("@", 100))},
		Status:     v1alpha1.PipelineExecutionStatus{ObservedGeneration: -1},
	}
	long := fuzzPick(d.Continue, "", strings.Repeat("n", 98))
	for s := range 1 + d.Intn(3) {
		st := v1alpha1.Stage{Name: fmt.Sprint("s", s, long)}
		for a := range 1 + d.Intn(4) {
			st.Actions = append(st.Actions, v1alpha1.Action{
				Name: fmt.Sprint("a", a, long), RunOrder: int32(d.Intn(3)),
				OnStop:    fuzzPick(d.Continue, "", v1alpha1.OnStopFinish, v1alpha1.OnStopAbandon),
				OnAbandon: fuzzPick(d.Continue, "", v1alpha1.OnAbandonTerminate, v1alpha1.OnAbandonOrphan), Job: &v1alpha1.JobTemplate{},
			})
		}
		h.p.Stages = append(h.p.Stages, st)
	}
	return h
}

func (h *fuzzHistory) step(t *testing.T) {
	t.Helper()
	h.now = metav1.NewTime(h.now.Add(time.Duration(h.d.Intn(20)) * time.Second))
	if h.d.Intn(5) == 0 && len(h.asked) < 4 {
		h.asked = append(h.asked, h.makeRequest())
	}
	in := plan.Input{Execution: h.e, Now: h.now, Observed: map[plan.ActionKey]plan.Observation{}}
	if h.d.Intn(3) > 0 {
		in.Revision, in.Definition = fuzzPick(h.d.Continue, "web-1", strings.Repeat("n", 221)), h.p
		in.WorkloadKinds = newRegistry(nil, nil).WorkloadKinds(h.p)
	}
	if h.d.Intn(8) == 0 {
		in.Problem = &plan.Problem{Reason: v1alpha1.ReasonInvalidJobTemplate, Message: fuzzWord(h.d.Continue)}
	}
	for _, task := range plan.Operations(&h.e.Status, in.Definition) {
		o := plan.Observation{Phase: plan.Phase(h.d.Intn(8)), UID: task.Workload.UID, Reason: fuzzWord(h.d.Continue), Message: fuzzWord(h.d.Continue)}
		if o.UID == "" && h.d.Intn(2) == 0 {
			o.UID = fuzzUID
		}
		if o.Phase != 0 {
			in.Observed[task.Key] = o
		}
	}
	for _, r := range h.asked {
		if !verdict.IsFinished(r.Status.Conditions) {
			in.Requests = append(in.Requests, r)
		}
	}
	before := h.e.Status
	h.e.Status = plan.Next(in)
	if before.State.IsFinal() && !equality.Semantic.DeepEqual(before, h.e.Status) {
		t.Errorf("a final status changed (-before +after):\n%s", cmp.Diff(before, h.e.Status))
	}
	reporter := &Reporter{Recorder: fuzzRecorder{t}, Metrics: metrics.New(), Clock: testclock.NewFakePassiveClock(h.now.Time)}
	reporter.reportExecution(t.Context(), h.e, plan.Transitions(&before, h.e))
	for i := range h.asked {
		r := &h.asked[i]
		before := r.Status
		r.Status = stop.NextStatus(r, h.e, stop.Decide(h.e, r), h.now)
		transitions := verdict.Transitions(before.Conditions, r.Status.Conditions, &r.CreationTimestamp)
		reporter.reportStopRequest(t.Context(), r, h.e.Name, transitions)
	}
}

func (h *fuzzHistory) makeRequest() v1alpha1.StopRequest {
	d := h.d.Continue
	r := v1alpha1.StopRequest{ObjectMeta: metav1.ObjectMeta{
		Namespace: "team", Name: fuzzPick(d, "stop", strings.Repeat("n", 252)) + fmt.Sprint(len(h.asked)), Generation: 1,
		UID: types.UID(fmt.Sprint(fuzzUID[:35], len(h.asked))), CreationTimestamp: h.now,
	}}
	r.Spec = v1alpha1.StopRequestSpec{
		PipelineName: h.e.Spec.PipelineName, PipelineExecutionID: fuzzUID, Abandon: d.Bool(),
		Reason: fuzzCut(fuzzWord(d), 200), RequestedBy: fuzzCut(fuzzWord(d), 256),
	}
	if seconds := int64(1 + d.Intn(30)); !r.Spec.Abandon && d.Bool() {
		r.Spec.EscalateAfterSeconds = &seconds
	}
	return r
}

func checkNote(t testing.TB, reason, action, note string) {
	t.Helper()
	if len(note) > 1024 || len(reason) > 128 || !fuzzReason.MatchString(reason) || action == "" {
		t.Errorf("the API server refuses the event %.100q %q with a note of %d bytes: %.200q", reason, action, len(note), note)
	}
}

// fuzzReason is the schema of metav1.Condition.
var fuzzReason = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)

// FuzzReconcile: whatever the objects of a namespace are, no reconciler panics, and what they write of conditions and events
// is what the API server takes.
func FuzzReconcile(f *testing.F) {
	fuzzSeeds(f, 3000)
	f.Fuzz(func(t *testing.T, data []byte) {
		fill := fuzzFiller(data)
		b := fake.NewClientBuilder().WithScheme(sharedScheme()).WithObjectTracker(clienttesting.NewObjectTracker(sharedScheme(), sharedDecoder())).
			WithStatusSubresource(&v1alpha1.Pipeline{}, &v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{}).
			WithInterceptorFuncs(interceptor.Funcs{SubResourceUpdate: func(
				ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption,
			) error {
				checkOwnConditions(ctx, t, c, o)
				return c.SubResource(sub).Update(ctx, o, opts...)
			}})
		for _, i := range Indexes() {
			b.WithIndex(i.Object, i.Field, i.Values)
		}
		var keys []ctrl.Request
		for n, o := range []client.Object{
			&v1alpha1.Pipeline{}, &v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{}, &v1alpha1.StopRequest{},
			&v1alpha1.Pipeline{}, &batchv1.Job{}, &corev1.Pod{}, &appsv1.ControllerRevision{},
		} {
			fill.Fill(o)
			o.SetName(fmt.Sprint("o", n))
			b.WithObjects(o)
			keys = append(keys, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)})
		}
		c := b.Build()
		clock := testclock.NewFakePassiveClock(time.Unix(1e9, 0))
		for range 2 {
			for _, controller := range NewControllers(Dependencies{Client: c, APIReader: c, Recorder: fuzzRecorder{t}, Metrics: metrics.New(), Clock: clock}) {
				for _, key := range keys {
					if result, err := controller.Reconciler.Reconcile(t.Context(), key); err == nil && result.RequeueAfter < 0 {
						t.Errorf("%s: %+v", controller.Name, result)
					}
				}
			}
			clock.SetTime(clock.Now().Add(time.Minute))
		}
	})
}

// fuzzRecorder takes the events that the API server takes.
type fuzzRecorder struct{ t testing.TB }

func (r fuzzRecorder) Eventf(_, _ runtime.Object, _, reason, action, note string, args ...any) {
	checkNote(r.t, reason, action, fmt.Sprintf(note, args...))
}

// checkOwnConditions looks at the conditions that are written and were not there.
func checkOwnConditions(ctx context.Context, t testing.TB, c client.Client, o client.Object) {
	t.Helper()
	conditions := func(o client.Object) []metav1.Condition {
		switch o := o.(type) {
		case *v1alpha1.Pipeline:
			return o.Status.Conditions
		case *v1alpha1.PipelineExecution:
			return o.Status.Conditions
		case *v1alpha1.StopRequest:
			return o.Status.Conditions
		}
		return nil
	}
	before := o.DeepCopyObject().(client.Object)
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), before); err != nil {
		return
	}
	for _, condition := range conditions(o) {
		if slices.ContainsFunc(conditions(before), func(was metav1.Condition) bool { return equality.Semantic.DeepEqual(was, condition) }) {
			continue
		}
		n := utf8.RuneCountInString(condition.Message)
		// The API server has taken the reason of a verdict that was there before.
		isKnown := slices.ContainsFunc(conditions(before), func(was metav1.Condition) bool {
			return was.Type == v1alpha1.ConditionAccepted && was.Reason == condition.Reason
		})
		isValid := isKnown || fuzzReason.MatchString(condition.Reason) && len(condition.Reason) <= 1024
		if !isValid || n > 32768 {
			t.Errorf("the API server refuses condition %s of %T: reason %.100q, a message of %d characters: %.200q",
				condition.Type, o, condition.Reason, n, condition.Message)
		}
	}
}

// statusSchema is the schema of the status of a resource of ours.
func statusSchema(t testing.TB, plural string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "config", "crd", "bases", "pipelines.haltline.dev_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema struct {
						Properties struct {
							Status map[string]any `json:"status"`
						} `json:"properties"`
					} `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties.Status
}

// checkSchema checks a value by that part of OpenAPI which our schemas use.
func checkSchema(t testing.TB, schema map[string]any, value any) {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var generic any
	if err := json.Unmarshal(raw, &generic); err != nil {
		t.Fatal(err)
	}
	for _, problem := range schemaProblems(schema, generic, "status") {
		t.Error(problem)
	}
}

func schemaProblems(schema map[string]any, value any, path string) []string {
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, path+": "+fmt.Sprintf(format, args...)) }
	bound := func(name string, n int, atMost bool) {
		if b, ok := schema[name].(float64); ok && (atMost && n > int(b) || !atMost && n < int(b)) {
			say("%s is %v, and it has %d: %.100q", name, b, n, value)
		}
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, value) {
		say("%v is none of %v", value, enum)
	}
	switch value := value.(type) {
	case string:
		if schema["type"] != "string" {
			say("a string, not a %s", schema["type"])
		}
		bound("maxLength", utf8.RuneCountInString(value), true)
		bound("minLength", utf8.RuneCountInString(value), false)
		if p, ok := schema["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(value) {
			say("%q does not match %s", value, p)
		}
	case float64:
		if schema["type"] != "integer" {
			say("a number, not a %s", schema["type"])
		}
		bound("maximum", int(value), true)
		bound("minimum", int(value), false)
	case []any:
		bound("maxItems", len(value), true)
		bound("minItems", len(value), false)
		seen := map[any]bool{}
		for i, item := range value {
			problems = append(problems, schemaProblems(schema["items"].(map[string]any), item, fmt.Sprintf("%s[%d]", path, i))...)
			if names, ok := schema["x-kubernetes-list-map-keys"].([]any); ok {
				name := item.(map[string]any)[names[0].(string)]
				if seen[name] {
					say("two have the %s %v", names[0], name)
				}
				seen[name] = true
			}
		}
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := value[name.(string)]; !ok {
				say("no %s", name)
			}
		}
		for name, v := range value {
			if p, ok := properties[name].(map[string]any); ok {
				problems = append(problems, schemaProblems(p, v, path+"."+name)...)
			} else {
				say("no such field: %s", name)
			}
		}
	default:
		say("%T", value)
	}
	return problems
}

// fuzzSeeds adds bytes of which much and little is made.
func fuzzSeeds(f *testing.F, size int) {
	f.Add([]byte(nil))
	f.Add(bytes.Repeat([]byte{0xff}, size))
	f.Add(make([]byte, size))
	for seed := range byte(40) {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i*i)*seed ^ byte(i>>3)*(seed+7) ^ seed
		}
		f.Add(data)
	}
}

// fuzzDice are thrown by the bytes of a fuzzer.
type fuzzDice struct{ randfill.Continue }

// fuzzFiller fills any object from the bytes, with a liking for what means something here.
func fuzzFiller(data []byte) *randfill.Filler {
	return randfill.NewFromGoFuzz(data).NilChance(.3).NumElements(0, 3).Funcs(
		func(d *fuzzDice, c randfill.Continue) { d.Continue = c },
		func(s *string, c randfill.Continue) { *s = fuzzWord(c) },
		func(t *metav1.Time, c randfill.Continue) {
			*t = metav1.NewTime(time.Unix(1e9+int64(c.Intn(200))-100, 0))
		},
		func(m *metav1.ObjectMeta, c randfill.Continue) {
			m.Namespace, m.Name, m.Generation = "team", fuzzPick(c, "run-1", "web"), int64(c.Intn(4))
			m.UID = fuzzPick[types.UID](c, fuzzUID, fuzzUID, "u", "")
			for _, into := range []any{&m.Labels, &m.Annotations, &m.CreationTimestamp, &m.OwnerReferences} {
				c.Fill(into)
			}
			if c.Intn(6) == 0 {
				m.Finalizers = []string{"example.com/hold"}
				c.Fill(&m.DeletionTimestamp)
			}
		},
		func(r *runtime.RawExtension, c randfill.Continue) {
			r.Raw = []byte(fuzzPick(c, `{"template":{"spec":{"containers":[{"name":"main"}]}}}`, "{}", "null", `{"nosuch":1}`, `{"managedBy":"x"}`))
		},
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewMilliQuantity(int64(c.Uint64()), resource.DecimalSI)
		},
		func(s *v1alpha1.ExecutionState, c randfill.Continue) {
			*s = fuzzPick(c, "", v1alpha1.ExecutionInProgress, v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopping, v1alpha1.ExecutionStopped, "odd")
		},
		func(s *v1alpha1.ActionState, c randfill.Continue) {
			*s = fuzzPick(c, "", v1alpha1.ActionNotStarted, v1alpha1.ActionInProgress, v1alpha1.ActionInProgress, v1alpha1.ActionFailed, v1alpha1.ActionAbandoned, "odd")
		},
		func(m *v1alpha1.StopMode, c randfill.Continue) {
			*m = fuzzPick(c, "", v1alpha1.StopModeWait, v1alpha1.StopModeAbandon, "odd")
		},
		func(cond *metav1.Condition, c randfill.Continue) {
			c.FillNoCustom(cond)
			cond.Type = fuzzPick(c, v1alpha1.ConditionReady, v1alpha1.ConditionAccepted, fuzzWord(c))
		},
		func(s *v1alpha1.StopRequestSpec, c randfill.Continue) {
			c.FillNoCustom(s)
			s.PipelineName, s.PipelineExecutionID = fuzzPick(c, "web", s.PipelineName), fuzzPick(c, fuzzUID, s.PipelineExecutionID)
		},
		func(s *v1alpha1.PipelineExecutionSpec, c randfill.Continue) {
			c.FillNoCustom(s)
			s.PipelineName = fuzzPick(c, "web", s.PipelineName)
		},
	)
}

func fuzzPick[T any](c randfill.Continue, values ...T) T { return values[c.Intn(len(values))] }

// fuzzWord is a string of which some occur again and again.
func fuzzWord(c randfill.Continue) string {
	switch c.Intn(12) {
	case 0:
		return ""
	case 1:
		return strings.Repeat(fuzzPick(c, "é", "x", "\xff", "\"", "\U0010ffff", "%s"), c.Intn(3000))
	case 2:
		return strings.Repeat("n", 40000)
	case 3:
		return c.String(40)
	case 4:
		return fuzzPick(c, "\xff\xfe", "\x00", "%!s(int=1)", "a\nb", "..", "-", `{"metadata":[]}`, `{"metadata":{"labels":{"a":1}}}`, "null")
	case 5:
		return fuzzPick(c, v1alpha1.LabelExecutionID, v1alpha1.LabelPipelineUID, v1alpha1.LabelPlaceholder, "true")
	default:
		return fuzzPick(c, "s0", "a0", "run-1", "web", "o7", fuzzUID)
	}
}

// fuzzCut cuts s to what the API server can have stored in n characters.
func fuzzCut(s string, n int) string {
	r := []rune(strings.ToValidUTF8(s, "?"))
	return string(r[:min(len(r), n)])
}

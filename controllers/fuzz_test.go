// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	toolscache "k8s.io/client-go/tools/cache"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/randfill"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/metrics"
	"haltline.dev/haltline/test/simcluster"
)

// FuzzHandlers: whatever an informer sends, no handler panics, and neither does what the cache itself calls.
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
	case *v1alpha1.ApprovalResultList:
		f.fill.Fill(&list.Items)
	}
	return nil
}

// anyObject returns what an informer could send: mostly an object, of a kind that is watched or of another.
func anyObject(fill *randfill.Filler, d fuzzDice) any {
	var o any
	switch d.Intn(11) {
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
		o = &v1alpha1.ApprovalResult{}
	case 9:
		return toolscache.DeletedFinalStateUnknown{Key: fuzzWord(d.Continue), Obj: anyObject(fill, d)}
	default:
		return fuzzPick(d.Continue, oddObjects()...)
	}
	fill.Fill(o)
	return o
}

// FuzzPipelineStatus: whatever job templates are, the API server takes the status of a Pipeline.
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
		p.Status = nextPipelineStatus(p, checkResult{problem: findDefinitionProblem(newRegistry(nil, nil, nil), p.Spec.Definition())}, at)
		checkSchema(t, schema, p.Status)
		if p.Status = nextPipelineStatus(p, checkResult{}, at); !meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady) {
			t.Errorf("a Pipeline without a problem is %+v", p.Status)
		}
		checkSchema(t, schema, p.Status)
	})
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
			WithStatusSubresource(&v1alpha1.Pipeline{}, &v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{}, &v1alpha1.ApprovalResult{}).
			WithInterceptorFuncs(interceptor.Funcs{SubResourcePatch: func(
				ctx context.Context, c client.Client, sub string, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption,
			) error {
				checkOwnConditions(ctx, t, c, o)
				return simcluster.AnswerPatch(c.SubResource(sub).Patch(ctx, o, patch, opts...))
			}})
		for _, i := range Indexes() {
			b.WithIndex(i.Object, i.Field, i.Values)
		}
		var keys []ctrl.Request
		for n, o := range []client.Object{
			&v1alpha1.Pipeline{}, &v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{}, &v1alpha1.StopRequest{},
			&v1alpha1.Pipeline{}, &batchv1.Job{}, &corev1.Pod{}, &appsv1.ControllerRevision{}, &v1alpha1.ApprovalResult{}, &v1alpha1.ApprovalResult{},
		} {
			fill.Fill(o)
			o.SetName(fmt.Sprint("o", n))
			b.WithObjects(o)
			keys = append(keys, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)})
		}
		c := b.Build()
		clock := testclock.NewFakePassiveClock(time.Unix(1e9, 0))
		for range 2 {
			for _, controller := range NewControllers(Dependencies{Nonce: foreseeable, Client: c, APIReader: c, Recorder: fuzzRecorder{t}, Metrics: metrics.New(), Clock: clock}) {
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
		case *v1alpha1.ApprovalResult:
			return o.Status.Conditions
		}
		return nil
	}
	before := o.DeepCopyObject().(client.Object)
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), before); err != nil {
		return
	}
	for _, condition := range conditions(o) {
		if slices.ContainsFunc(conditions(before), func(was metav1.Condition) bool {
			was.ObservedGeneration = condition.ObservedGeneration
			return equality.Semantic.DeepEqual(was, condition)
		}) {
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

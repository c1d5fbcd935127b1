// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/util/flowcontrol"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/internal/text"
	"haltline.dev/haltline/test/builders"
)

// checker reconciles one Pipeline, and counts what the API server is asked.
type checker struct {
	t          *testing.T
	raw        client.WithWatch
	clock      *testclock.FakePassiveClock
	reconciler *PipelineReconciler
	key        client.ObjectKey
	// asked are the images of the Jobs that were tried since the last look.
	asked []string
	// answer is what the API server answers about an image.
	answer func(ctx context.Context, image string) error
}

func newChecker(t *testing.T, pipeline *v1alpha1.Pipeline) *checker {
	t.Helper()
	// The schema sets this when a Pipeline is created.
	pipeline.Status.ObservedGeneration = -1
	c := &checker{
		t: t, raw: buildClient(t, pipeline), key: client.ObjectKeyFromObject(pipeline),
		clock: testclock.NewFakePassiveClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	}
	c.restart()
	return c
}

// restart replaces the operator.
func (c *checker) restart() {
	counting := interceptor.NewClient(c.raw, interceptor.Funcs{
		Create: func(ctx context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
			image := o.(*batchv1.Job).Spec.Template.Spec.Containers[0].Image
			c.asked = append(c.asked, image)
			if c.answer == nil {
				return nil
			}
			return c.answer(ctx, image)
		},
	})
	c.reconciler = &PipelineReconciler{
		Client: counting, APIReader: counting, Registry: newRegistry(counting, counting, c.clock), Limiter: flowcontrol.NewFakeAlwaysRateLimiter(), Clock: c.clock,
	}
}

// reconcile reconciles the Pipeline once, and returns when it is looked at again and about which images the API server was asked.
func (c *checker) reconcile() (again time.Duration, asked string) {
	c.t.Helper()
	c.asked = nil
	result, err := c.reconciler.Reconcile(c.t.Context(), ctrl.Request{NamespacedName: c.key})
	if err != nil {
		c.t.Fatal(err)
	}
	return result.RequeueAfter, strings.Join(c.asked, " ")
}

// expect reconciles the Pipeline, and checks about which images the API server was asked.
func (c *checker) expect(what, asked string) time.Duration {
	c.t.Helper()
	again, got := c.reconcile()
	if got != asked {
		c.t.Errorf("%s: asked about %q; want %q", what, got, asked)
	}
	return again
}

func (c *checker) pipeline() *v1alpha1.Pipeline {
	c.t.Helper()
	pipeline := &v1alpha1.Pipeline{}
	if err := c.raw.Get(c.t.Context(), c.key, pipeline); err != nil {
		c.t.Fatal(err)
	}
	return pipeline
}

// change changes the Pipeline, as a new generation or not.
func (c *checker) change(edit func(*v1alpha1.Pipeline)) {
	c.t.Helper()
	pipeline := c.pipeline()
	edit(pipeline)
	if err := c.raw.Update(c.t.Context(), pipeline); err != nil {
		c.t.Fatal(err)
	}
}

func annotate(p *v1alpha1.Pipeline) {
	metav1.SetMetaDataAnnotation(&p.ObjectMeta, "touched", p.Annotations["touched"]+"x")
}

// expectReady checks Ready, and that Stalled and Reconciling go with it.
func (c *checker) expectReady(status metav1.ConditionStatus, reason string, parts ...string) {
	c.t.Helper()
	conditions := c.pipeline().Status.Conditions
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != status || ready.Reason != reason {
		c.t.Fatalf("it reads %+v", ready)
	}
	for _, part := range parts {
		if !strings.Contains(ready.Message, part) {
			c.t.Errorf("the message %q does not have %q", ready.Message, part)
		}
	}
	for name, want := range map[string]bool{
		v1alpha1.ConditionStalled: status == metav1.ConditionFalse, v1alpha1.ConditionReconciling: status == metav1.ConditionUnknown,
	} {
		if got := meta.FindStatusCondition(conditions, name); (got != nil) != want {
			c.t.Errorf("%s is %+v", name, got)
		}
	}
}

// makePipelineOfImages returns a Pipeline with an action for each image.
func makePipelineOfImages(images ...string) *v1alpha1.Pipeline {
	pipeline := makePipelineOf("a")
	pipeline.Spec.Stages[0].Actions = nil
	for i, image := range images {
		pipeline.Spec.Stages[0].Actions = append(pipeline.Spec.Stages[0].Actions, makeActionOfImage(fmt.Sprintf("a%d", i), image))
	}
	return pipeline
}

func makeActionOfImage(name, image string) v1alpha1.Action {
	a := makeAction(name, 1)
	a.Job.Spec.Raw = fmt.Appendf(nil, `{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":%q}]}}}`, image)
	return a
}

var (
	errInvalidJob  = apierrors.NewInvalid(batchv1.SchemeGroupVersion.WithKind("Job").GroupKind(), "j", field.ErrorList{field.Required(field.NewPath("spec"), "no")})
	errDeniedJob   = apierrors.NewBadRequest("admission webhook denied the request")
	errWebhookDown = apierrors.NewInternalError(errors.New("failed calling webhook"))
)

// refuse returns an answer that refuses one image.
func refuse(image string, err error) func(context.Context, string) error {
	return func(_ context.Context, asked string) error {
		if asked == image {
			return err
		}
		return nil
	}
}

func TestTheAPIServerIsAskedOnceAboutEachTemplate(t *testing.T) {
	c := newChecker(t, makePipelineOfImages("i", "i", "j", "i", "j"))
	if again := c.expect("at first", "i j"); again != 0 {
		t.Errorf("again after %s", again)
	}
	c.expectReady(metav1.ConditionTrue, v1alpha1.ReasonValid)
	c.change(annotate)
	c.expect("an annotation", "")
	c.restart()
	c.expect("another operator", "")
	c.change(func(p *v1alpha1.Pipeline) { p.Generation++ })
	c.expect("another generation", "i j")
}

// The status that was written may not be in the cache yet.
func TestAnOlderStatusDoesNotHaveItAskedAgain(t *testing.T) {
	c := newChecker(t, makePipelineOfImages("i", "j"))
	before := c.pipeline().Status
	c.expect("at first", "i j")
	pipeline := c.pipeline()
	pipeline.Status = before
	if err := c.raw.Status().Update(t.Context(), pipeline); err != nil {
		t.Fatal(err)
	}
	c.expect("the cache is behind", "")
	c.clock.SetTime(c.clock.Now().Add(time.Minute))
	c.expect("somebody restored the older status", "")
	c.expectReady(metav1.ConditionTrue, v1alpha1.ReasonValid)
}

func TestARefusalThatCannotPassIsAskedForOnce(t *testing.T) {
	c := newChecker(t, makePipelineOfImages("i", "bad", "j"))
	c.answer = refuse("bad", errInvalidJob)
	if again := c.expect("at first", "i bad"); again != 0 {
		t.Errorf("again after %s", again)
	}
	c.expectReady(metav1.ConditionFalse, v1alpha1.ReasonInvalidJobTemplate, `spec.stages["s"].actions["a1"].job: `)
	for range 3 {
		c.change(annotate)
		c.clock.SetTime(c.clock.Now().Add(time.Hour))
		c.expect("an annotation", "")
	}
	c.change(func(p *v1alpha1.Pipeline) {
		p.Generation++
		p.Spec.Stages[0].Actions[1] = makeActionOfImage("a1", "good")
	})
	c.expect("another generation", "i good j")
	c.expectReady(metav1.ConditionTrue, v1alpha1.ReasonValid)
}

// What can pass is asked again when its time has come, and what is known is not.
func TestWhatCanPassIsAskedAgain(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		err          error
		status       metav1.ConditionStatus
	}{
		{"a denial", v1alpha1.ReasonInvalidJobTemplate, errDeniedJob, metav1.ConditionFalse},
		{"a webhook that is down", v1alpha1.ReasonCheckPending, errWebhookDown, metav1.ConditionUnknown},
		{"the API server is overloaded", v1alpha1.ReasonCheckPending, apierrors.NewTooManyRequests("busy", 1), metav1.ConditionUnknown},
		{"the API server has no time", v1alpha1.ReasonCheckPending, apierrors.NewTimeoutError("no time", 1), metav1.ConditionUnknown},
		{"a dry run that takes too long", v1alpha1.ReasonCheckPending, fmt.Errorf("post: %w", context.DeadlineExceeded), metav1.ConditionUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newChecker(t, makePipelineOfImages("i", "later", "j"))
			c.answer = refuse("later", tt.err)
			if again := c.expect("at first", "i later"); again != minRetryDelay {
				t.Errorf("again after %s", again)
			}
			c.expectReady(tt.status, tt.reason, `spec.stages["s"].actions["a1"].job: `, tt.err.Error())
			c.change(annotate)
			c.clock.SetTime(c.clock.Now().Add(minRetryDelay / 2))
			if again := c.expect("too early", ""); again != minRetryDelay/2 {
				t.Errorf("again after %s", again)
			}
			c.clock.SetTime(c.clock.Now().Add(minRetryDelay / 2))
			if again := c.expect("in time", "later"); again != 2*minRetryDelay {
				t.Errorf("again after %s", again)
			}
			c.answer = nil
			c.clock.SetTime(c.clock.Now().Add(2 * minRetryDelay))
			c.expect("it has passed", "later j")
			c.expectReady(metav1.ConditionTrue, v1alpha1.ReasonValid)
		})
	}
}

// What is kept in memory goes with the Pipeline, and when its check has ended well.
func TestNothingIsKeptOfAPipelineThatIsGoneOrValid(t *testing.T) {
	gone := newChecker(t, makePipelineOfImages("bad"))
	gone.answer = refuse("bad", errInvalidJob)
	gone.expect("it is refused", "bad")
	if err := gone.raw.Delete(t.Context(), gone.pipeline()); err != nil {
		t.Fatal(err)
	}
	gone.expect("it is gone", "")
	valid := newChecker(t, makePipelineOfImages("i"))
	valid.expect("at first", "i")
	valid.expect("it is valid", "")
	for name, c := range map[string]*checker{"gone": gone, "valid": valid} {
		if kept := len(c.reconciler.progresses.byKey); kept != 0 {
			t.Errorf("%s: %d are kept", name, kept)
		}
	}
}

// A cache that lags shows a Pipeline that was replaced since. What is found out about the newer one is not for this reconciliation.
func TestAPipelineThatWasReplacedIsNotWritten(t *testing.T) {
	c := newChecker(t, makePipelineOfImages("i"))
	replaced, newer := c.pipeline(), c.pipeline()
	replaced.UID = "of-the-one-before"
	c.reconciler.Client = interceptor.NewClient(c.raw, interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
			replaced.DeepCopyInto(o.(*v1alpha1.Pipeline))
			return nil
		},
		List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, _ ...client.ListOption) error {
			list.(*v1alpha1.PipelineList).Items = []v1alpha1.Pipeline{*replaced}
			return nil
		},
	})
	if again, asked := c.reconcile(); again == 0 || asked != "" || c.pipeline().ResourceVersion != newer.ResourceVersion {
		t.Errorf("looked at again after %s, asked about %q, and wrote %+v", again, asked, c.pipeline().Status)
	}
}

func TestRetryDelayIsBounded(t *testing.T) {
	for retries, want := range map[int]time.Duration{0: minRetryDelay, 1: 2 * minRetryDelay, 5: 32 * minRetryDelay, 6: maxRetryDelay, 1000: maxRetryDelay} {
		if got := retryDelay(retries); got != want {
			t.Errorf("after %d: %s, want %s", retries, got, want)
		}
	}
}

// turns lets an operator ask so often in each reconciliation.
type turns struct {
	flowcontrol.RateLimiter
	each, left int
}

func (l *turns) Wait(context.Context) error {
	l.left--
	if l.left < 0 {
		l.left = l.each
		return errors.New("no time is left")
	}
	return nil
}

func TestALongCheckWritesWhatIsKnownAndGoesOn(t *testing.T) {
	c := newChecker(t, makePipelineOfImages("a", "b", "c", "d", "e"))
	c.reconciler.Limiter = &turns{each: 2, left: 2}
	for _, tt := range []struct{ asked, known string }{{"a b", "2 of 5"}, {"c d", "4 of 5"}} {
		if again := c.expect("a slice", tt.asked); again <= 0 {
			t.Error("it would not go on")
		}
		c.expectReady(metav1.ConditionUnknown, v1alpha1.ReasonCheckPending, tt.known)
	}
	c.expect("the last slice", "e")
	c.expectReady(metav1.ConditionTrue, v1alpha1.ReasonValid)
}

// A webhook that never answers does not use up the time in which the status is written.
func TestASlowWebhookLeavesTimeToWriteTheStatus(t *testing.T) {
	c := newChecker(t, makePipelineOfImages("a", "b"))
	c.answer = func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := c.reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: c.key}); err != nil {
		t.Fatal(err)
	}
	c.expectReady(metav1.ConditionUnknown, v1alpha1.ReasonCheckPending, `actions["a0"].job: Trying again: `)
}

func TestWarningsAboutJobsAreShown(t *testing.T) {
	c := newChecker(t, makePipelineOfImages("a", "b", "c"))
	c.answer = func(ctx context.Context, image string) error {
		if image != "c" {
			action.WarningHandler{}.HandleWarningHeaderWithContext(ctx, 299, "-", "would violate PodSecurity\n\"restricted\"")
		}
		return nil
	}
	c.expect("at first", "a b c")
	c.expectReady(metav1.ConditionTrue, v1alpha1.ReasonValid, "The pipeline can be run", "condition Warnings")
	want := `spec.stages["s"].actions["a0"].job: would violate PodSecurity "restricted"`
	expectWarnings := func(want string) {
		t.Helper()
		warnings := meta.FindStatusCondition(c.pipeline().Status.Conditions, v1alpha1.ConditionWarnings)
		if (warnings == nil) != (want == "") || warnings != nil && (warnings.Message != want || warnings.Status != metav1.ConditionTrue) {
			t.Errorf("it warns: %+v", warnings)
		}
	}
	expectWarnings(want)
	c.change(annotate)
	c.expect("an annotation", "")
	expectWarnings(want)
	c.answer = nil
	c.change(func(p *v1alpha1.Pipeline) { p.Generation++ })
	c.expect("another generation", "a b c")
	expectWarnings("")
}

func TestWarningsAreBounded(t *testing.T) {
	var w warningTexts
	for i := range 100 {
		w.add(template{stage: "s", action: &v1alpha1.Action{Name: "a"}}, []string{fmt.Sprintf("%d %s", i, strings.Repeat("停", 5000))})
	}
	if got := w.String(); len(w.texts) != maxWarnings || utf8.RuneCountInString(got) > text.MaxMessageLength {
		t.Errorf("%d warnings in %d characters", len(w.texts), utf8.RuneCountInString(got))
	}
	w = warningTexts{}
	for i := range maxWarnings + 1 {
		w.add(template{stage: "s", action: &v1alpha1.Action{Name: "a"}}, []string{fmt.Sprint(i)})
	}
	if got := w.String(); !strings.HasSuffix(got, "; and more") {
		t.Errorf("got %q", got)
	}
}

func TestWhichTemplatesAreDistinct(t *testing.T) {
	seconds := int64(9)
	tests := []struct {
		name string
		edit func(*v1alpha1.Action)
		same bool
	}{
		{"its name", func(a *v1alpha1.Action) { a.Name = "other" }, true},
		{"its order", func(a *v1alpha1.Action) { a.RunOrder = 7 }, true},
		{"what a stop does", func(a *v1alpha1.Action) {
			a.OnStop, a.OnAbandon = v1alpha1.OnStopAbandon, v1alpha1.OnAbandonOrphan
		}, true},
		{"its timeout", func(a *v1alpha1.Action) { a.TimeoutSeconds = &seconds }, false},
		{"its labels", func(a *v1alpha1.Action) { a.Job.Metadata.Labels = map[string]string{"a": "b"} }, false},
		{"its image", func(a *v1alpha1.Action) { *a = makeActionOfImage(a.Name, "j") }, false},
		{"no job", func(a *v1alpha1.Action) { a.Job = nil }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := makeActionOfImage("a", "i"), makeActionOfImage("a", "i")
			tt.edit(&b)
			if got := hashTemplate(&a) == hashTemplate(&b); got != tt.same {
				t.Errorf("the same: %v", got)
			}
		})
	}
}

// Pipelines that take long to check leave the workers of other kinds alone, and are few at a time.
func TestFewPipelinesAreCheckedAtATime(t *testing.T) {
	for _, tt := range []struct {
		reconciler reconcile.Reconciler
		workers    int
		want       int
	}{
		{&PipelineReconciler{}, 32, maxChecks}, {&PipelineReconciler{}, 1, 1}, {&StopRequestReconciler{}, 32, 32},
	} {
		if got := countWorkers(tt.reconciler, Options{MaxConcurrentReconciles: tt.workers}); got != tt.want {
			t.Errorf("%T: %d workers of %d", tt.reconciler, got, tt.workers)
		}
	}
}

// A Pipeline of 500 templates is asked about in slices of 50 requests. Between two of them another Pipeline is checked as fast as if it were
// alone.
func TestALargePipelineIsCheckedInSlices(t *testing.T) {
	c := newChecker(t, builders.LargePipeline("team", "large", 1024))
	objects := []client.Object{c.pipeline()}
	for slice := range builders.MaxActions / maxAsked {
		small := makePipelineOfImages("small:1")
		small.Name, small.Status.ObservedGeneration = fmt.Sprintf("small-%d", slice), -1
		small.UID = types.UID("uid-of-" + small.Name)
		objects = append(objects, small)
	}
	c.raw = buildClient(t, objects...)
	c.restart()
	var messages []string
	for slice := 1; ; slice++ {
		again, asked := c.reconcile()
		if n := len(strings.Fields(asked)); n != maxAsked {
			t.Fatalf("slice %d asked %d times; want %d", slice, n, maxAsked)
		}
		if isKnownValid(c.pipeline()) {
			if slice != builders.MaxActions/maxAsked {
				t.Errorf("it took %d slices", slice)
			}
			break
		}
		if again != continueDelay {
			t.Fatalf("after slice %d it goes on in %s", slice, again)
		}
		messages = append(messages, meta.FindStatusCondition(c.pipeline().Status.Conditions, v1alpha1.ConditionReady).Message)

		large := c.key
		c.key = client.ObjectKeyFromObject(objects[slice])
		c.expect("another Pipeline in between", "small:1")
		c.expectReady(metav1.ConditionTrue, v1alpha1.ReasonValid)
		c.key = large
	}
	if want := "The API server would create the Jobs of 450 of 500 templates; it is being asked about the others."; messages[len(messages)-1] != want {
		t.Errorf("the last message is %q", messages[len(messages)-1])
	}
	c.expect("once more", "")
}

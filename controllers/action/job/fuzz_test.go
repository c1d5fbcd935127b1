// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/randfill"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// FuzzBuild: whatever JSON a job template is, a Job is made of it, or there is an error, soon and without a panic. The Job has
// no mark that only we set.
func FuzzBuild(f *testing.F) {
	f.Add(minimalSpec, "example.com/team", "payments", "V", "$(HOME)", int64(0))
	f.Add(`null`, v1alpha1.LabelPlaceholder, "true", "", "", int64(1))
	f.Add(``, v1alpha1.LabelOrphaned, "true", v1alpha1.EnvStage, "x", int64(-1))
	f.Add(`{"template":null,"selector":null,"managedBy":null,"suspend":true,"parallelism":-1}`, v1alpha1.LabelExecutionID, "forged", "=", "\x00", int64(1<<62))
	f.Add(`{"ttlSecondsAfterFinished":0}`, "", "", "", "", int64(0))
	f.Add(`{"manualSelector":false}`, "", "", "", "", int64(0))
	f.Add(`{"selector":{"matchLabels":{"a":"b"}}}`, "", "", "", "", int64(0))
	f.Add(`{"managedBy":"kubernetes.io/job-controller"}`, "", "", "", "", int64(0))
	f.Add(`{"managedBy":"example.com/other"}`, "", "", "", "", int64(0))
	f.Add(`{"TTLSecondsAfterFinished":0,"Template":{"METADATA":{"labels":{"pipelines.haltline.dev/placeholder":"true"}}}}`, "", "", "", "", int64(0))
	f.Add(`{"template":{"metadata":{"labels":{"pipelines.haltline.dev/orphaned":"true","a":"b"}},"spec":{"initContainers":[{},{"env":[{"name":"V"}]}],`+
		`"containers":[{"env":[{"name":"HALTLINE_STAGE","value":"mine"},{"name":"HALTLINE_STAGE"}]},null]}}}`, "", "", "V", "v", int64(0))
	f.Add(`{"backoffLimit":1e3,"backoffLimit":"two","nosuch":{}}`, "", "", "", "", int64(0))
	f.Add(`[`+strings.Repeat(`[`, 20000), "", "", "", "", int64(0))
	f.Add(strings.Repeat(`{"template":`, 20000), "", "", "", "", int64(0))
	f.Add(withCPU(`"100m"`), "", "", "", "", int64(0))
	f.Add(withCPU(`1e-9`), "", "", "", "", int64(0))
	f.Add(withCPU(`"1e1000000"`), "", "", "", "", int64(0))
	f.Fuzz(func(t *testing.T, spec, label, value, variable, set string, timeout int64) {
		scope, op := makeScope(v1alpha1.Variable{Name: variable, Value: set}), makeStart(spec)
		op.Definition.TimeoutSeconds = &timeout
		op.Definition.Job.Metadata.Labels = map[string]string{label: value}
		op.Definition.Job.Metadata.Annotations = map[string]string{label: value, v1alpha1.AnnotationStage: "another"}
		checkBuild(t, scope, op)
	})
}

// FuzzBuildOfAny: the same, for every field that a JobSpec has.
func FuzzBuildOfAny(f *testing.F) {
	for _, seed := range makeSeeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fill := makeFiller(data)
		scope, op := makeScope(), makeStart("")
		var spec batchv1.JobSpec
		fill.Fill(&op.Definition)
		fill.Fill(&scope.Variables)
		fill.Fill(&spec)
		if op.Definition.Job != nil {
			spec.TTLSecondsAfterFinished, spec.Selector, spec.ManualSelector, spec.ManagedBy = nil, nil, nil, nil
			raw, err := json.Marshal(&spec)
			if err != nil {
				return // No such object.
			}
			op.Definition.Job.Spec.Raw = raw
		}
		checkBuild(t, scope, op)
	})
}

// withCPU returns a template with that limit.
func withCPU(quantity string) string {
	return `{"template":{"spec":{"containers":[{"name":"main","resources":{"limits":{"cpu":` + quantity + `}}}]}}}`
}

// A quantity of a few characters can take minutes to decode, or all memory: 1e-100000000
// (https://github.com/kubernetes/kubernetes/pull/141306). Every field that holds one is checked before it is decoded.
func TestEveryQuantityIsBounded(t *testing.T) {
	found := 0
	walkQuantities(reflect.TypeFor[batchv1.JobSpec](), "%s", nil, func(template string) {
		found++
		for _, q := range []string{`"1e-1000000"`, `1E-1000000`, `"+1.5e+1000000"`, `"` + strings.Repeat("1", 10000) + `"`, `0.` + strings.Repeat("0", 10000) + `1`} {
			if err := decodeTemplate(fmt.Sprintf(template, q)); err == nil || len(err.Error()) > 300 {
				t.Errorf("%s of %.20s: %v", template, q, err)
			}
		}
		for _, q := range []string{`"100m"`, `"1.5Gi"`, `2`, `0.25`, `"1e3"`, `"1E-9"`, `1e12`} {
			if err := decodeTemplate(fmt.Sprintf(template, q)); err != nil {
				t.Errorf("%s of %s: %v", template, q, err)
			}
		}
	})
	const several = `{"template":{"spec":{"overhead":{"cpu":"1e-99999"},"resources":{"limits":{"cpu":"1e-99999"}},"volumes":[{"emptyDir":{"sizeLimit":"1e-99999"}}]}}}`
	first := decodeTemplate(several)
	for range 50 {
		if again := decodeTemplate(several); fmt.Sprint(again) != fmt.Sprint(first) {
			t.Fatalf("%v, then %v: a status with that message would be written again and again", first, again)
		}
	}
	if found < 10 {
		t.Errorf("a JobSpec has just %d quantities", found)
	}
	text := strings.Replace(minimalSpec, `"main"`, `"main","args":["1e-1000000"],"env":[{"name":"V","value":"1e-1000000"}]`, 1)
	if err := decodeTemplate(text); err != nil {
		t.Errorf("a text that is no quantity: %v", err)
	}
}

func decodeTemplate(template string) error {
	op := makeStart(template)
	_, err := decodeJobSpec(&op.Definition)
	return err
}

// walkQuantities calls f with JSON for each field of the type that holds a quantity; the place of the quantity is %s.
func walkQuantities(of reflect.Type, template string, within []reflect.Type, f func(template string)) {
	put := func(inner string) string { return strings.Replace(template, "%s", inner, 1) }
	switch {
	case of == reflect.TypeFor[resource.Quantity]():
		f(template)
	case of.Kind() == reflect.Pointer:
		walkQuantities(of.Elem(), template, within, f)
	case of.Kind() == reflect.Slice:
		walkQuantities(of.Elem(), put("[%s]"), within, f)
	case of.Kind() == reflect.Map:
		walkQuantities(of.Elem(), put(`{"any":%s}`), within, f)
	case of.Kind() == reflect.Struct && !slices.Contains(within, of):
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if inner := put(fmt.Sprintf(`{%q:%%s}`, name)); name != "" {
				walkQuantities(of.Field(i).Type, inner, append(slices.Clone(within), of), f)
			} else if of.Field(i).Anonymous {
				walkQuantities(of.Field(i).Type, template, append(slices.Clone(within), of), f)
			}
		}
	}
}

// buildTimeout is far longer than making a Job takes, and shorter than what hangs.
const buildTimeout = 3 * time.Second

func checkBuild(t *testing.T, scope action.Scope, op plan.Operation) {
	t.Helper()
	before, start := op.Definition.DeepCopy(), time.Now()
	job, err := buildJob(scope, op)
	if err == nil {
		_, _ = json.Marshal(job) // The client does.
	}
	if took := time.Since(start); took > buildTimeout {
		t.Errorf("making a Job takes %v", took)
	}
	if !equality.Semantic.DeepEqual(before, &op.Definition) {
		t.Errorf("the definition changed (-before +after):\n%s", cmp.Diff(before, &op.Definition))
	}
	if (job == nil) == (err == nil) {
		t.Fatalf("job %v, error %v", job, err)
	}
	if err != nil {
		return
	}
	marks, _ := buildMarks(scope.Execution.Spec.PipelineName, string(scope.Execution.UID), op.Key)
	for where, labels := range map[string]map[string]string{"Job": job.Labels, "pods": job.Spec.Template.Labels} {
		for name, value := range labels {
			if strings.HasPrefix(name, v1alpha1.GroupVersion.Group+"/") && value != marks[name] {
				t.Errorf("the user marked the %s with %s", where, name)
			}
		}
		if labels[v1alpha1.LabelExecutionID] != string(scope.Execution.UID) {
			t.Errorf("the %s are not found: %v", where, labels)
		}
	}
	if isPlaceholder(job) || !isOurs(job, scope) || job.Name != op.Workload.Name || job.Namespace != scope.Execution.Namespace || job.GenerateName != "" {
		t.Errorf("not our Job: %+v", job.ObjectMeta)
	}
	if job.Annotations[v1alpha1.AnnotationStage] != op.Key.Stage || job.Annotations[v1alpha1.AnnotationAction] != op.Key.Action {
		t.Errorf("annotations %v", job.Annotations)
	}
	s := &job.Spec
	if s.TTLSecondsAfterFinished != nil || s.Selector != nil || s.ManualSelector != nil ||
		(s.ManagedBy != nil && *s.ManagedBy != batchv1.JobControllerName) {
		t.Errorf("a Job that a stop cannot rely on: %+v", s)
	}
	for _, c := range slices.Concat(s.Template.Spec.InitContainers, s.Template.Spec.Containers) {
		for _, v := range buildEnvironment(scope.Execution.Spec.PipelineName, string(scope.Execution.UID), op.Key, scope.Variables) {
			if !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == v.Name }) {
				t.Errorf("container %q does not have %q", c.Name, v.Name)
			}
		}
	}
}

// anyCluster is an API server that has these pods and this Job, and lists these Jobs.
type anyCluster struct {
	client.Client
	pods []corev1.Pod
	job  *batchv1.Job
	jobs []batchv1.Job
}

func (c anyCluster) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch l := list.(type) {
	case *corev1.PodList:
		l.Items = slices.Clone(c.pods)
	case *batchv1.JobList:
		l.Items = slices.Clone(c.jobs)
	case *metav1.PartialObjectMetadataList:
		for _, p := range c.pods {
			l.Items = append(l.Items, metav1.PartialObjectMetadata{ObjectMeta: p.ObjectMeta})
		}
	}
	return nil
}

func (c anyCluster) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	if j, ok := o.(*batchv1.Job); ok && c.job != nil {
		c.job.DeepCopyInto(j)
	}
	return nil
}

func (anyCluster) Create(context.Context, client.Object, ...client.CreateOption) error { return nil }

func (anyCluster) Patch(_ context.Context, o client.Object, p client.Patch, _ ...client.PatchOption) error {
	_, err := p.Data(o)
	return err
}

// FuzzObserve: whatever a Job and its pods are, no operation panics, each has an observation or an error, and work that goes on
// is never taken to have ended.
func FuzzObserve(f *testing.F) {
	for _, seed := range makeSeeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fill := makeFiller(data)
		c, scope, op := anyCluster{}, makeScope(), makeStart(minimalSpec)
		scope.Explain = true
		for _, into := range []any{&c.pods, &c.job, &scope.Now, &op.Workload.UID} {
			fill.Fill(into)
		}
		if c.job != nil {
			fill.Fill(&c.job.UID)
			op.Workload.UID = string(c.job.UID)
		}
		living := slices.ContainsFunc(c.pods, func(p corev1.Pod) bool { return !isFinishedPod(&p) && isOfJob(&p, op.Workload.Name) })
		for _, op.Type = range []plan.OperationType{plan.OperationStart, plan.OperationFence, plan.OperationObserve, plan.OperationTerminate, plan.OperationOrphan, 0} {
			o, err := action.NewRegistry(&Provider{Client: c, APIReader: c}).Execute(context.Background(), scope, op)
			if err == nil && o.Phase == 0 {
				t.Errorf("operation %d: nothing was learned, and nothing is wrong: %+v", op.Type, o)
			}
			_, finished := observeFinished(jobOrEmpty(c.job))
			if o.Phase == plan.PhaseEnded && op.Type == plan.OperationTerminate && living && !finished {
				t.Errorf("operation %d: ended, and a pod is left: %+v", op.Type, o)
			}
		}
		joinPodNames(c.pods)
	})
}

// FuzzFindRemainingWork: whatever a deleted execution left, a Job that it owns has to end, nothing is named twice, and without
// Jobs and pods nothing is found.
func FuzzFindRemainingWork(f *testing.F) {
	for _, seed := range makeSeeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := anyCluster{}
		fill := makeFiller(data)
		fill.Fill(&c.pods)
		fill.Fill(&c.jobs)
		owned := slices.ContainsFunc(c.jobs, func(j batchv1.Job) bool {
			return slices.ContainsFunc(j.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == executionUID })
		})
		work, err := (&Provider{Client: c, APIReader: c}).FindRemainingWork(context.Background(), "team", executionUID, metav1.Time{})
		switch n := len(work.Ending) + len(work.LeftRunning); {
		case err != nil:
			t.Error(err)
		case owned && len(work.Ending) == 0:
			t.Error("a Job of the execution is left, and nothing has to end")
		case n > len(c.jobs)+len(c.pods):
			t.Errorf("%d things are left of %d Jobs and %d pods", n, len(c.jobs), len(c.pods))
		}
	})
}

// FuzzWhyUnfinished: whatever a pod is, there is a reason with a message for why it has not ended, or neither.
func FuzzWhyUnfinished(f *testing.F) {
	f.Add(`{"metadata":{"deletionTimestamp":"2026-03-01T12:00:30Z","finalizers":["",null]}}`, int64(0))
	f.Add(`{"metadata":{"deletionTimestamp":"0001-01-01T00:00:00Z"},"spec":null}`, int64(1<<40))
	f.Add(`{"status":{"conditions":[{},{"type":"PodScheduled","status":"False"}]}}`, int64(0))
	f.Add(`{"status":{"initContainerStatuses":[{"state":{}},{"state":{"waiting":{}}}],"containerStatuses":[{"state":{"waiting":{"reason":"%s\n"}}}]}}`, int64(-1<<40))
	f.Add(`{}`, int64(0))
	f.Fuzz(func(t *testing.T, text string, now int64) {
		p := &corev1.Pod{}
		if json.Unmarshal([]byte(text), p) != nil {
			return // No such pod.
		}
		got := whyUnfinished(p, metav1.Unix(now, 0))
		if again := whyUnfinished(p, metav1.Unix(now, 0)); got != again {
			t.Errorf("%+v, then %+v", got, again)
		}
		if got.reason != "" && got.message == "" {
			t.Errorf("the reason %q has no message", got.reason)
		}
		if p.DeletionTimestamp != nil && got.reason == "" {
			t.Error("a pod that is deleted and not gone has no reason")
		}
	})
}

func jobOrEmpty(job *batchv1.Job) *batchv1.Job {
	if job == nil {
		return &batchv1.Job{}
	}
	return job
}

// makeSeeds returns bytes that fill much, and bytes that fill little.
func makeSeeds() [][]byte {
	seeds := [][]byte{nil, []byte(strings.Repeat("\xff", 600)), []byte(strings.Repeat("\x00", 600))}
	for seed := range byte(40) {
		data := make([]byte, 1500)
		for i := range data {
			data[i] = byte(i*i)*seed ^ byte(i>>3)*(seed+7) ^ seed
		}
		seeds = append(seeds, data)
	}
	return seeds
}

// makeFiller returns one that fills any object from the bytes, often with values that mean something here.
func makeFiller(data []byte) *randfill.Filler {
	return randfill.NewFromGoFuzz(data).NilChance(.5).NumElements(0, 3).Funcs(
		func(s *string, c randfill.Continue) { *s = pickWord(c) },
		func(u *types.UID, c randfill.Continue) {
			*u = pickOne[types.UID](c, executionUID, "job-uid", types.UID(pickWord(c)))
		},
		func(t *metav1.Time, c randfill.Continue) { *t = pickTime(c) },
		func(m *metav1.ObjectMeta, c randfill.Continue) {
			m.Name, m.Namespace = pickWord(c), pickWord(c)
			for _, into := range []any{&m.UID, &m.Labels, &m.Annotations, &m.Finalizers, &m.DeletionTimestamp, &m.OwnerReferences} {
				c.Fill(into)
			}
		},
		func(o *metav1.OwnerReference, c randfill.Continue) { c.FillNoCustom(o) },
		func(r *runtime.RawExtension, c randfill.Continue) {
			r.Raw = []byte(pickOne(c, minimalSpec, "null", "{}", pickWord(c)))
		},
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewMilliQuantity(int64(c.Uint64()), resource.DecimalSI)
		},
		func(s *corev1.ConditionStatus, c randfill.Continue) {
			*s = pickOne(c, corev1.ConditionTrue, corev1.ConditionFalse, "odd")
		},
		func(s *batchv1.JobConditionType, c randfill.Continue) {
			*s = pickOne(c, batchv1.JobComplete, batchv1.JobFailed, batchv1.JobSuspended, batchv1.JobFailureTarget, "odd")
		},
		func(s *corev1.PodConditionType, c randfill.Continue) {
			*s = pickOne(c, corev1.PodScheduled, corev1.PodReady, "odd")
		},
		func(s *corev1.PodPhase, c randfill.Continue) {
			*s = pickOne(c, corev1.PodPending, corev1.PodRunning, corev1.PodFailed, corev1.PodSucceeded, "odd")
		},
	)
}

func pickOne[T any](c randfill.Continue, values ...T) T { return values[c.Intn(len(values))] }

// pickWord returns a string. Some are returned again and again.
func pickWord(c randfill.Continue) string {
	switch c.Intn(12) {
	case 0:
		return ""
	case 1:
		return strings.Repeat(pickOne(c, "é", "x", "\xff", "\"", "$(", "%s"), c.Intn(3000))
	case 2:
		return c.String(40)
	case 3:
		return pickOne(c, "\xff\xfe", "\x00", "%!s(int=1)", "a\nb", "..", "-")
	case 4:
		return pickOne(c, v1alpha1.LabelPlaceholder, v1alpha1.LabelOrphaned, v1alpha1.LabelExecutionID, v1alpha1.AnnotationStage, v1alpha1.EnvAction)
	default:
		return pickOne(c, "main", "job-uid", executionUID, jobName, "true", "V")
	}
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

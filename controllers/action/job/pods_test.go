// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/controllers/plan"
)

// pagedReader lists pods in pages, and counts them.
type pagedReader struct {
	client.Reader
	pods  []corev1.Pod
	pages int
	limit int64
}

func (r *pagedReader) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	r.pages++
	r.limit = max(r.limit, o.Limit)
	from := 0
	if o.Continue != "" {
		if _, err := fmt.Sscan(o.Continue, &from); err != nil {
			return err
		}
	}
	to := len(r.pods)
	if o.Limit > 0 {
		to = min(from+int(o.Limit), to)
	}
	pods := list.(*corev1.PodList)
	for _, pod := range r.pods[from:to] {
		pods.Items = append(pods.Items, *pod.DeepCopy())
	}
	if to < len(r.pods) {
		pods.Continue = fmt.Sprint(to)
	}
	return nil
}

func (r *pagedReader) Delete(_ context.Context, o client.Object, _ ...client.DeleteOption) error {
	for i := range r.pods {
		if r.pods[i].Name == o.GetName() {
			r.pods[i].DeletionTimestamp = &metav1.Time{}
		}
	}
	return nil
}

// deleter is a client that deletes pods of a pagedReader, and does nothing else.
type deleter struct {
	client.Client
	pods *pagedReader
}

func (d deleter) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	return d.pods.Delete(ctx, o, opts...)
}

// makeManyPods returns running pods that are as large as a user can make them.
func makeManyPods(n int) []corev1.Pod {
	huge := strings.Repeat("x", 1000)
	var pods []corev1.Pod
	for i := range n {
		pods = append(pods, corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("p-%02d", i), Labels: map[string]string{batchv1.JobNameLabel: "j", batchv1.ControllerUidLabel: jobUID, "theirs": huge},
				Annotations: map[string]string{"theirs": huge},
			},
			Spec: corev1.PodSpec{
				NodeName: "n", Containers: []corev1.Container{{Name: "main", Args: []string{huge}}},
				InitContainers: []corev1.Container{{Name: "init", Args: []string{huge}}},
			},
			Status: corev1.PodStatus{
				Phase:      corev1.PodRunning,
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			},
		})
	}
	return pods
}

// Of many pods that are left, small pages are read until it is clear that some are, and little of each is kept.
func TestManyPodsAreNotHeld(t *testing.T) {
	reader := &pagedReader{pods: makeManyPods(95)}
	p := &Provider{APIReader: reader}
	pods, err := p.remainingPods(t.Context(), makeScope(), plan.Operation{})
	if err != nil || len(pods) != maxRemaining {
		t.Fatalf("%d pods, %v", len(pods), err)
	}
	if reader.pages != maxRemaining/pageSize || reader.limit > 10 {
		t.Errorf("%d pages of at most %d pods", reader.pages, reader.limit)
	}
	for _, pod := range pods {
		if pod.Size() > 300 || pod.Spec.NodeName != "n" || !runsWell(&pod) {
			t.Errorf("of a pod is kept: %+v", pod)
		}
	}
	if got, want := joinPodNames(pods), "p-00, p-01, p-02, and at least 17 more"; got != want {
		t.Errorf("they are named %q, want %q", got, want)
	}
}

// Finished pods are looked through up to the last page, since one behind them may be left.
func TestAPodThatIsLeftIsFoundBehindFinishedOnes(t *testing.T) {
	reader := &pagedReader{pods: makeManyPods(35)}
	for i := range 34 {
		reader.pods[i].Status.Phase = corev1.PodSucceeded
	}
	pods, err := (&Provider{APIReader: reader}).remainingPods(t.Context(), makeScope(), plan.Operation{})
	if err != nil || len(pods) != 1 || pods[0].Name != "p-34" || reader.pages != 4 {
		t.Errorf("%d pods of %d pages, %v", len(pods), reader.pages, err)
	}
}

// An abandon ends also the pods that are not among the first, such as if those have a long grace period.
func TestAllLeftPodsAreEnded(t *testing.T) {
	reader := &pagedReader{pods: makeManyPods(95)}
	p := &Provider{APIReader: reader, Client: deleter{pods: reader}}
	op := plan.Operation{Type: plan.OperationTerminate}
	pods, err := p.remainingPods(t.Context(), makeScope(), op)
	if err == nil {
		err = p.endLeftPods(t.Context(), makeScope(), op, "", pods)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range reader.pods {
		if pod.DeletionTimestamp == nil {
			t.Errorf("pod %q runs on", pod.Name)
		}
	}
}

// An explanation is found on whatever page its pod is, and no later page is read.
func TestAnExplanationReadsUpToItsPod(t *testing.T) {
	reader := &pagedReader{pods: makeManyPods(95)}
	reader.pods[42].Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "main", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}},
	}}
	seen, err := (&Provider{APIReader: reader}).lookThroughPods(t.Context(), makeScope(), plan.Operation{}, true)
	if err != nil || seen.stuck == nil || seen.stuck.Name != "p-42" || seen.cause.reason != "ImagePullBackOff" || reader.pages != 5 {
		t.Errorf("the cause is %+v of %v after %d pages, %v", seen.cause, seen.stuck, reader.pages, err)
	}
}

// Whoever may create pods can put the labels of ours on any. Only a pod of a Job counts.
func TestIsOfJob(t *testing.T) {
	controlledBy := func(apiVersion, kind, name string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, UID: "owner", Controller: ptr.To(true)}}
		}
	}
	for name, tt := range map[string]struct {
		edit func(*corev1.Pod)
		want bool
	}{
		"of the Job":                        {controlledBy("batch/v1", "Job", jobName), true},
		"of an earlier Job of the name":     {controlledBy("batch/v1", "Job", jobName), true},
		"left by the Job":                   {func(*corev1.Pod) {}, true},
		"of another Job":                    {controlledBy("batch/v1", "Job", "other"), false},
		"of a ReplicaSet":                   {controlledBy("apps/v1", "ReplicaSet", jobName), false},
		"of a kind that is called the same": {controlledBy("example.com/v1", "Job", jobName), false},
		"of nobody":                         {func(p *corev1.Pod) { delete(p.Labels, batchv1.ControllerUidLabel) }, false},
		"owned and not controlled": {func(p *corev1.Pod) {
			controlledBy("apps/v1", "ReplicaSet", jobName)(p)
			p.OwnerReferences[0].Controller = nil
		}, true},
	} {
		if got := isOfJob(makePod(tt.edit), jobName); got != tt.want {
			t.Errorf("a pod %s: %v, want %v", name, got, tt.want)
		}
	}
}

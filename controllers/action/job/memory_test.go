// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/heap"
)

// What a finished Job and a pod of it may take in the cache, in bytes. Most executions of a cluster have finished, and their Jobs and pods live
// as long as they do.
const (
	maxPerJob = 2800
	maxPerPod = 1300
)

// makeComplete returns a Job that has completed, as the API server has it.
func makeComplete(i int) *batchv1.Job {
	job := makeJob()
	executionID, now := fmt.Sprintf("00000000-0000-4000-8000-%012d", i), metav1.Now()
	job.Namespace, job.Name, job.UID = "team-a", fmt.Sprintf("web-nightly-%05d-0123456789abcdef", i), types.UID(fmt.Sprintf("10000000-0000-4000-8000-%012d", i))
	job.Generation, job.ResourceVersion, job.CreationTimestamp = 1, fmt.Sprint(1_000_000+i), now
	for name, value := range ourLabels(batchv1.JobNameLabel, job.Name, batchv1.ControllerUidLabel, string(job.UID)) {
		job.Labels[name] = value
	}
	job.Labels[v1alpha1.LabelExecutionID] = executionID
	job.OwnerReferences[0].UID, job.OwnerReferences[0].Name = types.UID(executionID), fmt.Sprintf("web-nightly-%05d", i)
	job.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{batchv1.ControllerUidLabel: string(job.UID)}}
	job.Status = batchv1.JobStatus{
		StartTime: &now, CompletionTime: &now, Succeeded: 1, Ready: ptr.To[int32](0), Terminating: ptr.To[int32](0),
		UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{},
	}
	for _, c := range []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: c, Status: corev1.ConditionTrue, LastProbeTime: now, LastTransitionTime: now, Reason: batchv1.JobReasonCompletionsReached,
			Message: "Reached expected number of succeeded pods",
		})
	}
	return job
}

// makeEndedPod returns the metadata of the pod of a Job, as the API server has it.
func makeEndedPod(job *batchv1.Job) *metav1.PartialObjectMetadata {
	pod := newPodMetadata()
	pod.Namespace, pod.Name, pod.UID = job.Namespace, job.Name+"-abcde", "2"+job.UID[1:]
	pod.ResourceVersion, pod.CreationTimestamp, pod.Generation = job.ResourceVersion, job.CreationTimestamp, 1
	pod.GenerateName, pod.Labels, pod.Annotations = job.Name+"-", job.Labels, job.Annotations
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))}
	return pod
}

// copyOf returns what a client decodes.
func copyOf[T any](t *testing.T, o *T) *T {
	t.Helper()
	raw, err := json.Marshal(o)
	decoded := new(T)
	if err == nil {
		err = json.Unmarshal(raw, decoded)
	}
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestFinishedWorkTakesLittleMemory(t *testing.T) {
	const jobs = 10_000
	indexers := toolscache.Indexers{toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc}
	p := &Provider{}
	store := map[bool]toolscache.Indexer{}
	for _, ofPods := range []bool{false, true} {
		before := heap.InUse()
		store[ofPods] = toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, indexers)
		for i := range jobs {
			job := makeComplete(i)
			o, err := transformJob(copyOf(t, job))
			if ofPods {
				o, err = transformPodMetadata(copyOf(t, makeEndedPod(job)))
			}
			if err == nil {
				err = store[ofPods].Add(o)
			}
			if err != nil {
				t.Fatal(err)
			}
			if pod, ok := o.(*metav1.PartialObjectMetadata); ok {
				p.pods.Appeared(t.Context(), pod)
			}
		}
		what, each, limit := "Job", (heap.InUse()-before)/jobs, int64(maxPerJob)
		if ofPods {
			what, limit = "pod", maxPerPod
		}
		t.Logf("a finished %s takes %d bytes", what, each)
		if each > limit {
			t.Errorf("a finished %s takes %d bytes, more than %d", what, each, limit)
		}
	}
	runtime.KeepAlive(store)
	runtime.KeepAlive(p)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// before returns a time that long before now.
func before(d time.Duration) *metav1.Time { return ptr.To(metav1.NewTime(now.Add(-d))) }

// finishedExecution returns an execution that ended that long before now.
func finishedExecution(pipelineName, name string, n int, state v1alpha1.ExecutionState, ago time.Duration) *v1alpha1.PipelineExecution {
	e := execution(pipelineName, name, n, state)
	e.Spec.StartedBy = "ada@example.com"
	e.Status.CompletionTime = before(ago)
	e.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: string(state), Message: "It is " + string(state) + "."}}
	return e
}

// someExecutions are executions of two pipelines: one that runs, one that was stopped, and others that have ended.
func someExecutions() []client.Object {
	running := execution("web", "web-3", 1, v1alpha1.ExecutionInProgress)
	running.Status.PipelineRevision, running.Status.CurrentStage = "revision-1", "Build"
	running.Status.Stages = []v1alpha1.StageStatus{stageIn("Build", v1alpha1.StageInProgress, v1alpha1.ActionStatus{
		Name: "compile", State: v1alpha1.ActionInProgress, StartTime: before(50 * time.Second),
		Workload: v1alpha1.WorkloadReference{Kind: "Job", Name: "web-3-abc", UID: "job-1"},
	})}
	running.Labels["team"] = "a"
	stopped := finishedExecution("web", "web-2", 20, v1alpha1.ExecutionStopped, 10*time.Minute)
	stopped.Status.Stop = &v1alpha1.StopStatus{Mode: v1alpha1.StopModeWait, Requests: []v1alpha1.AcceptedStopRequest{{
		UID: "stop", Name: "hold", Mode: v1alpha1.StopModeWait, RequestedBy: "grace@example.com", Reason: "the release is on hold", AcceptedTime: *before(15 * time.Minute),
	}}}
	return []client.Object{
		running, stopped, finishedExecution("web", "web-1", 90, v1alpha1.ExecutionSucceeded, 80*time.Minute),
		finishedExecution("docs", "docs-1", 30, v1alpha1.ExecutionFailed, 25*time.Minute),
	}
}

func TestGet(t *testing.T) {
	h := newHarness(t, someExecutions()...)
	h.run("get")
	h.run("get", "-o", "wide")
	h.run("get", "--pipeline", "docs", "--no-headers")
	h.run("get", "-l", "team=a")
	h.run("get", "-A")
	h.run("get", "@latest", "web-1")
	h.run("get", "web-1", "-o", "name")
	h.run("get", "-o", "name")
	h.run("get", "-o", "jsonpath={.items[*].metadata.name}")
	h.run("get", "web-1", "none-1")
	h.run("get", "-l", "team=b")
	h.run("get", "web-1", "-A")
	h.run("get", "-l", "team in")
	h.run("get", "-o", "xml")
	h.compare("get")
}

func TestHistory(t *testing.T) {
	h := newHarness(t, someExecutions()...)
	h.run("history")
	h.run("history", "web", "-o", "wide")
	h.run("history", "--since", "20m")
	h.run("history", "--stopped")
	h.run("history", "--limit", "1")
	h.run("history", "none")
	h.run("history", "-o", "name")
	h.run("history", "--since", "-1h")
	h.run("history", "--limit", "-1")
	h.compare("history")
}

func TestTree(t *testing.T) {
	h := newHarness(t, someExecutions()...)
	h.run("tree", "@latest")
	h.run("tree", testID(1), "-o", "wide")
	h.run("tree", "web-2")
	h.run("tree", "web-2", "-o", "name")
	h.run("tree", "none")
	h.run("tree")
	h.compare("tree")
}

func TestExplain(t *testing.T) {
	h := newHarness(t, someExecutions()...)
	h.run("explain", "@latest")
	h.run("explain", "web-2")
	h.run("explain", "none")
	h.compare("explain")
}

// Whoever may not read Pipelines or StopRequests gets an explanation all the same.
func TestExplainWithoutPermissions(t *testing.T) {
	h := newHarness(t, someExecutions()...)
	h.intercept.List = func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
		if _, executions := list.(*v1alpha1.PipelineExecutionList); executions {
			return c.List(ctx, list, options...)
		}
		return apierrors.NewForbidden(schema.GroupResource{Resource: "things"}, "", errors.New("no"))
	}
	h.run("explain", "web-3")
	h.compare("explain-forbidden")
}

// The plain lines of an execution until its end, and the exit code of each end.
func TestWatch(t *testing.T) {
	for _, state := range []v1alpha1.ExecutionState{v1alpha1.ExecutionSucceeded, v1alpha1.ExecutionFailed} {
		h := newHarness(t, someExecutions()...)
		h.intercept.Watch = func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) (w watch.Interface, err error) {
			if w, err = c.Watch(ctx, list, options...); err != nil {
				return nil, err
			}
			e := &v1alpha1.PipelineExecution{}
			if err := h.cluster.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "web-3"}, e); err != nil {
				return nil, err
			}
			e.Status.State, e.Status.Stages[0].Actions[0].State = state, v1alpha1.ActionState(state)
			return w, h.cluster.Update(ctx, e)
		}
		h.run("watch", "web-3")
		h.compare("watch-" + strings.ToLower(string(state)))
	}
}

func TestWatchWhatIsNotThere(t *testing.T) {
	h := newHarness(t, someExecutions()...)
	h.run("watch", "none")
	h.run("watch", "web-3", "--timeout", "1ns")
	h.compare("watch-none")
}

// podOf returns the pod of a Job of an execution.
func podOf(e *v1alpha1.PipelineExecution, job, name string, state corev1.ContainerState) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID(name),
			Labels: map[string]string{v1alpha1.LabelExecutionID: string(e.UID), batchv1.ControllerUidLabel: job},
		},
		Spec:   corev1.PodSpec{Containers: []corev1.Container{{Name: "main"}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "main", State: state}}},
	}
}

// failedExecution is an execution with an action that failed, one that succeeded and whose pod is gone, and one that did not start.
func failedExecution() (*v1alpha1.PipelineExecution, *corev1.Pod) {
	e := finishedExecution("web", "web-4", 1, v1alpha1.ExecutionFailed, time.Second)
	job := func(uid string) v1alpha1.WorkloadReference {
		return v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: "web-4-" + uid, UID: uid}
	}
	e.Status.Stages = []v1alpha1.StageStatus{stageIn("Build", v1alpha1.StageFailed,
		v1alpha1.ActionStatus{Name: "compile", State: v1alpha1.ActionFailed, Workload: job("job-1"), CompletionTime: before(time.Second)},
		v1alpha1.ActionStatus{Name: "test", State: v1alpha1.ActionSucceeded, Workload: job("job-2"), CompletionTime: before(time.Second)},
		v1alpha1.ActionStatus{Name: "package", State: v1alpha1.ActionNotStarted},
	)}
	return e, podOf(e, "job-1", "web-4-job-1-x7k2p", corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}})
}

// someLog is a log that was written now.
func someLog(_ context.Context, _ client.ObjectKey, o *corev1.PodLogOptions) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(now.Format(time.RFC3339Nano) + " hello from " + o.Container + "\n")), nil
}

func TestLogs(t *testing.T) {
	e, pod := failedExecution()
	h := newHarness(t, e, pod)
	h.openLog = someLog
	h.run("logs", "web-4")
	h.run("logs", "web-4", "--failed", "--timestamps")
	h.run("logs", "web-4", "--failed", "--prefix")
	h.run("logs", "web-4", "Build/test")
	h.run("logs", "web-4", "package")
	h.run("logs", "web-4", "Build/none")
	h.run("logs", "web-4", "-c", "proxy", "compile")
	h.run("logs", "web-4", "-f", "compile")
	h.run("logs", "web-4", "--prefix=maybe")
	h.run("logs", "web-4", "--tail", "-2")
	h.run("logs", "none")
	h.openLog = func(context.Context, client.ObjectKey, *corev1.PodLogOptions) (io.ReadCloser, error) {
		return nil, errors.New("dial tcp 192.0.2.1:10250: no route to host")
	}
	h.run("logs", "web-4", "compile")
	h.compare("logs")
}

// With -f, logs are read until the execution has ended, also if the pod comes later than the command.
func TestFollowLogs(t *testing.T) {
	e, pod := failedExecution()
	e.Status.State, e.Status.Stages[0].Actions[0].State, e.Status.Stages[0].Actions[0].CompletionTime = v1alpha1.ExecutionInProgress, v1alpha1.ActionInProgress, nil
	h := newHarness(t, e)
	h.openLog = someLog
	h.intercept.Watch = func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
		w, err := c.Watch(ctx, list, options...)
		if _, executions := list.(*v1alpha1.PipelineExecutionList); err != nil || !executions {
			return w, err
		}
		if err := h.cluster.Create(ctx, pod.DeepCopy()); err != nil {
			return nil, err
		}
		ended := &v1alpha1.PipelineExecution{}
		if err := h.cluster.Get(ctx, client.ObjectKeyFromObject(e), ended); err != nil {
			return nil, err
		}
		ended.Status.State = v1alpha1.ExecutionFailed
		return w, h.cluster.Update(ctx, ended)
	}
	h.run("logs", "web-4", "-f")
	h.compare("logs-follow")
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/golden"
	"haltline.dev/haltline/controllers/approve"
	"haltline.dev/haltline/controllers/stop"
)

// namespace is where the commands of the tests look.
const namespace = "shop"

// now is the time of the tests.
var now = time.Date(2026, time.November, 27, 10, 30, 0, 0, time.UTC)

// harness runs commands on a cluster in memory.
type harness struct {
	t       *testing.T
	cluster client.WithWatch
	// intercept changes what the cluster answers. It is set before the first command.
	intercept interceptor.Funcs
	// openLog opens the logs of containers. Nil has none.
	openLog cli.LogOpener
	// operator decides on requests. Nil leaves them without a verdict.
	operator func(client.Client, client.Object) error
	// typed is what the user types if there is a terminal, and a terminal is there if it is not empty.
	typed string
	// created counts the objects, which their names and ids are made of.
	created int
	// mutex lets requests of one command come one after the other.
	mutex sync.Mutex
	log   strings.Builder
}

func newHarness(t *testing.T, objects ...client.Object) *harness {
	t.Helper()
	h := &harness{t: t, operator: decideLikeTheOperator}
	h.cluster = interceptor.NewClient(newFakeCluster(objects), interceptor.Funcs{Create: h.create})
	return h
}

func newFakeCluster(objects []client.Object) client.WithWatch {
	name := func(o client.Object) []string { return []string{o.GetName()} }
	ofExecution := func(get func(*v1alpha1.PipelineExecution) string) client.IndexerFunc {
		return func(o client.Object) []string { return []string{get(o.(*v1alpha1.PipelineExecution))} }
	}
	return fake.NewClientBuilder().WithScheme(cli.Scheme).WithObjects(objects...).
		WithIndex(&v1alpha1.PipelineExecution{}, "spec.pipelineName", ofExecution(func(e *v1alpha1.PipelineExecution) string { return e.Spec.PipelineName })).
		WithIndex(&v1alpha1.PipelineExecution{}, "status.pipelineExecutionId", ofExecution(func(e *v1alpha1.PipelineExecution) string { return e.Status.PipelineExecutionID })).
		WithIndex(&v1alpha1.PipelineExecution{}, "metadata.name", name).
		WithIndex(&v1alpha1.StopRequest{}, "metadata.name", name).
		WithIndex(&v1alpha1.StopRequest{}, "spec.pipelineExecutionId", func(o client.Object) []string {
			return []string{o.(*v1alpha1.StopRequest).Spec.PipelineExecutionID}
		}).
		WithIndex(&v1alpha1.ApprovalResult{}, "metadata.name", name).
		Build()
}

// create completes an object as the API server does, except that the names can be foreseen, and lets the operator decide on it.
func (h *harness) create(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.created++
	if object.GetName() == "" {
		object.SetName(fmt.Sprintf("%s%05d", object.GetGenerateName(), h.created))
	}
	object.SetUID(types.UID(testID(100 + h.created)))
	object.SetCreationTimestamp(metav1.NewTime(now))
	if h.intercept.Create != nil {
		if err := h.intercept.Create(ctx, c, object, options...); err != nil {
			return err
		}
	}
	applied := client.CreateOptions{}
	applied.ApplyOptions(options)
	if len(applied.DryRun) > 0 {
		return nil
	}
	if h.operator != nil {
		if err := h.operator(c, object); err != nil {
			return err
		}
	}
	return c.Create(ctx, object, options...)
}

// testID returns the id with that number.
func testID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// decideLikeTheOperator gives a request the verdict of the operator's own rules.
func decideLikeTheOperator(c client.Client, object client.Object) error {
	at := metav1.NewTime(now)
	switch request := object.(type) {
	case *v1alpha1.StopRequest:
		execution, err := executionOfID(c, request.Spec.PipelineExecutionID)
		if err != nil {
			return err
		}
		if next := stop.Accept(&execution.Status, []v1alpha1.StopRequest{*request}, at); next != nil && !execution.Status.State.IsFinal() {
			execution.Status.Stop, execution.Status.State = next, v1alpha1.ExecutionStopping
		}
		request.Status = stop.NextStatus(request, execution, stop.Decide(execution, request), at)
		return c.Update(context.Background(), execution)
	case *v1alpha1.ApprovalResult:
		execution, err := executionOfID(c, request.Spec.PipelineExecutionID)
		if err != nil {
			return err
		}
		request.Status.SubmittedTime = &at
		approve.Accept(&execution.Status, execution.Spec.StartedBy, []v1alpha1.ApprovalResult{*request}, at)
		request.Status = approve.NextStatus(request, approve.Decide(execution, request), at)
		return c.Update(context.Background(), execution)
	default:
		return nil
	}
}

func executionOfID(c client.Client, id string) (*v1alpha1.PipelineExecution, error) {
	list := &v1alpha1.PipelineExecutionList{}
	if err := c.List(context.Background(), list); err != nil {
		return nil, err
	}
	for i := range list.Items {
		if string(list.Items[i].UID) == id {
			return &list.Items[i], nil
		}
	}
	return nil, fmt.Errorf("the tests have no execution of the id %s", id)
}

// run runs a command line, notes it with what it printed, and returns its exit code.
func (h *harness) run(args ...string) int {
	h.t.Helper()
	var out, errOut bytes.Buffer
	f := cli.New(strings.NewReader(h.typed), &out, &errOut, "test")
	f.Terminal = h.typed != ""
	f.Clock = clocktesting.NewFakeClock(now)
	f.Suffix = func() string { return "abcde" }
	f.OpenLog = h.openLog
	f.NewClient = func() (client.WithWatch, error) {
		return interceptor.NewClient(h.cluster, withoutCreate(h.intercept)), nil
	}
	*f.Flags.Namespace = namespace
	code := Run(f, args)
	fmt.Fprintf(&h.log, "$ kubectl haltline %s\n", quote(args))
	h.log.WriteString(out.String())
	for line := range strings.Lines(errOut.String()) {
		h.log.WriteString("stderr: " + line)
	}
	if code != 0 {
		fmt.Fprintf(&h.log, "exit code %d\n", code)
	}
	return code
}

// withoutCreate returns the funcs without the one that create calls itself.
func withoutCreate(funcs interceptor.Funcs) interceptor.Funcs {
	funcs.Create = nil
	return funcs
}

func quote(args []string) string {
	var quoted []string
	for _, arg := range args {
		if arg == "" || strings.ContainsAny(arg, " $'") {
			arg = `"` + arg + `"`
		}
		quoted = append(quoted, arg)
	}
	return strings.Join(quoted, " ")
}

// compare compares all that was noted with a golden file.
func (h *harness) compare(name string) {
	h.t.Helper()
	golden.Compare(h.t, name, h.log.String())
}

// execution returns an execution whose id ends with a number, and which was created that many minutes before now.
func execution(pipelineName, name string, n int, state v1alpha1.ExecutionState) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID(testID(n)), CreationTimestamp: metav1.NewTime(now.Add(-time.Duration(n) * time.Minute)),
			Labels: map[string]string{v1alpha1.LabelPipeline: pipelineName},
		},
		Spec:   v1alpha1.PipelineExecutionSpec{PipelineName: pipelineName},
		Status: v1alpha1.PipelineExecutionStatus{PipelineExecutionID: testID(n), State: state},
	}
}

// approvalIn returns an approval in a state.
func approvalIn(name string, state v1alpha1.ActionState) v1alpha1.ActionStatus {
	return v1alpha1.ActionStatus{
		Name: name, State: state, RunOrder: 1, Attempt: 1,
		Approval: &v1alpha1.ApprovalStatus{ExpirationTime: metav1.NewTime(now.Add(time.Hour))},
	}
}

func stageIn(name string, state v1alpha1.StageState, actions ...v1alpha1.ActionStatus) v1alpha1.StageStatus {
	return v1alpha1.StageStatus{Name: name, State: state, Actions: actions}
}

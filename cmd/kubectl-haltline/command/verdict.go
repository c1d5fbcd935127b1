// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/follow"
)

// verdictTimeout is how long a command waits for a verdict if the user sets no other limit. It comes within a second where the operator runs.
const verdictTimeout = time.Minute

// findVerdict returns the condition Accepted, or nil as long as the request has no verdict.
func findVerdict(conditions []metav1.Condition) *metav1.Condition {
	accepted := meta.FindStatusCondition(conditions, v1alpha1.ConditionAccepted)
	if accepted == nil || accepted.Status == metav1.ConditionUnknown {
		return nil
	}
	return accepted
}

// verdictCode returns the exit code of a verdict.
func verdictCode(verdict *metav1.Condition) int {
	if verdict.Status == metav1.ConditionTrue {
		return cli.CodeDone
	}
	return reasonCode(verdict.Reason)
}

// reasonCode returns the exit code of something that was refused.
func reasonCode(reason string) int {
	switch reason {
	case v1alpha1.ReasonDuplicatedStopRequest, v1alpha1.ReasonApprovalAlreadyCompleted:
		return cli.CodeDuplicate
	case v1alpha1.ReasonPipelineNotFound, v1alpha1.ReasonPipelineExecutionNotFound, v1alpha1.ReasonStageNotFound, v1alpha1.ReasonActionNotFound:
		return cli.CodeNotFound
	default:
		return cli.CodeRefused
	}
}

// describeVerdict returns the verdict on a request about something: its reason, the request, and the sentence of the operator.
func describeVerdict(about, request string, verdict *metav1.Condition) string {
	style := cli.Good
	if verdict.Status != metav1.ConditionTrue {
		style = cli.Bad
	}
	return fmt.Sprintf("%s: %s (%s)\n%s", about, style.Render(verdict.Reason), request, verdict.Message)
}

const (
	// lookAtOperator is what to do if the operator has not looked at something.
	lookAtOperator = "see whether it runs: kubectl -n haltline-system get pods"
	// notLookedAt is what to tell of an object that has no condition yet.
	notLookedAt = "The operator has not looked at it; " + lookAtOperator
)

// awaitVerdict waits for the verdict on a request, and updates the request. The list is an empty one of its kind. If the context ends before, the error tells how
// far the request is, and has the exit code for that.
func awaitVerdict[T client.Object](
	ctx context.Context, f *cli.Factory, c client.WithWatch, object T, list client.ObjectList, conditions func(T) []metav1.Condition,
) (T, *metav1.Condition, error) {
	kind, latest := kindOf(object), object
	target := follow.Target{Client: c, List: list, Key: client.ObjectKeyFromObject(object), UID: object.GetUID(), OnTrouble: reportTrouble(f)}
	err := follow.Until(ctx, target, func(seen T) (bool, error) {
		latest = seen
		return findVerdict(conditions(seen)) != nil, nil
	})
	if err == nil {
		return latest, findVerdict(conditions(latest)), nil
	}
	progress := notLookedAt
	if c := meta.FindStatusCondition(conditions(latest), v1alpha1.ConditionReconciling); c != nil {
		progress = c.Message
	}
	next := fmt.Sprintf("%s\nThe request stays as it is: kubectl get %s %s -n %s -w", progress, kind, object.GetName(), object.GetNamespace())
	return latest, nil, explainEndOfWait(err, fmt.Sprintf("%s %q has no verdict yet", kind, object.GetName()), next)
}

// explainEndOfWait returns what to tell if a command stops waiting: what it waited for, and what to do next. An error that is no end of the
// context, such as one of the API server, is returned with what was waited for.
func explainEndOfWait(err error, what, next string) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return cli.Exitf(cli.CodeTimeout, "the time to wait is over, and %s. %s", what, next)
	case errors.Is(err, context.Canceled):
		return cli.Exitf(cli.CodeInterrupted, "interrupted; %s. %s", what, next)
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}

// reportTrouble tells the user that the connection to the cluster broke, and that it is there again.
func reportTrouble(f *cli.Factory) func(error) {
	return func(err error) {
		if err != nil {
			fmt.Fprintf(f.ErrOut, "lost the cluster, trying again: %v\n", err)
			return
		}
		fmt.Fprintln(f.ErrOut, "the cluster answers again")
	}
}

// withTimeout bounds a context; 0 sets no bound.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}

// kindOf returns the name of a kind of ours as kubectl takes it.
func kindOf(object client.Object) string {
	switch object.(type) {
	case *v1alpha1.StopRequest:
		return "stoprequest"
	case *v1alpha1.ApprovalResult:
		return "approvalresult"
	default:
		return "pipelineexecution"
	}
}

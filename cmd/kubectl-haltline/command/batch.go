// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

const (
	// maxConcurrentCreations is how many StopRequests are created at the same time.
	maxConcurrentCreations = 16
	// batchInterval is how often the verdicts on a batch are asked for, with one list for all.
	batchInterval = 500 * time.Millisecond
)

// batch is the stop of several executions by one command.
type batch struct {
	factory *cli.Factory
	options *stopOptions
	// namespace is empty for all of them.
	namespace string
	// id is the value of the label that the requests have in common.
	id    string
	items []*batchItem
}

// batchItem is the stop of one of the executions.
type batchItem struct {
	execution *v1alpha1.PipelineExecution
	request   *v1alpha1.StopRequest
	// isRefused is set if the API server has surely not created the request.
	isRefused bool
	// err is why it was not stopped, or why nobody knows.
	err error
	// settled is set when there is nothing more to wait for.
	settled bool
}

// newBatch returns the stop of executions of a namespace. Its id begins with the time, so that the batches of a day sort.
func newBatch(f *cli.Factory, namespace string, targets []*v1alpha1.PipelineExecution, o *stopOptions) *batch {
	b := &batch{factory: f, options: o, namespace: namespace, id: f.Clock.Now().UTC().Format("20060102-150405-") + f.Suffix()}
	for _, execution := range targets {
		request := o.newRequest(execution)
		request.Labels = map[string]string{v1alpha1.LabelBatch: b.id}
		b.items = append(b.items, &batchItem{execution: execution, request: request})
	}
	return b
}

// nameOf returns the name of an execution, with its namespace if there may be several.
func (b *batch) nameOf(execution *v1alpha1.PipelineExecution) string {
	if b.namespace == "" {
		return execution.Namespace + "/" + execution.Name
	}
	return execution.Name
}

// place returns where the executions are: in a namespace, or what is given if that is not one.
func (b *batch) place(otherwise string) string {
	if b.namespace == "" {
		return otherwise
	}
	return fmt.Sprintf("namespace %q", b.namespace)
}

// print prints a line for people.
func (b *batch) print(format string, args ...any) {
	if b.options.output.IsForPeople() {
		fmt.Fprintf(b.factory.Out, format+"\n", args...)
	}
}

// dryRun prints what would be stopped.
func (b *batch) dryRun(ctx context.Context, c client.Client) error {
	b.create(ctx, c)
	for _, item := range b.items {
		if item.err != nil {
			b.print("%s: would not be stopped: %v", b.nameOf(item.execution), item.err)
			continue
		}
		b.print("%s%s", describeDryRun(item.execution, item.request), b.options.dryRun.Suffix())
	}
	b.print("%s would be stopped", describeCount(len(b.items)-b.countFailed(), "execution"))
	return b.finish(nil)
}

// stop creates the requests, all of them before it waits for any, and prints what comes of each.
func (b *batch) stop(ctx context.Context, c client.Client) error {
	b.create(ctx, c)
	for _, item := range b.items {
		if item.err != nil {
			item.settled = true
			b.print("%s: %s: %v", b.nameOf(item.execution), cli.Bad.Render("not stopped"), item.err)
		}
	}
	err := wait.PollUntilContextCancel(ctx, batchInterval, true, func(ctx context.Context) (bool, error) {
		return b.look(ctx, c)
	})
	b.summarize()
	return b.finish(err)
}

func (b *batch) create(ctx context.Context, c client.Client) {
	var group errgroup.Group
	group.SetLimit(maxConcurrentCreations)
	for _, item := range b.items {
		group.Go(func() error {
			item.err = b.options.dryRun.Create(func(options ...client.CreateOption) error { return c.Create(ctx, item.request, options...) })
			item.isRefused = isRefused(item.err)
			return nil
		})
	}
	_ = group.Wait()
}

// isRefused reports whether an error is an answer of the API server that it did not create an object. After a timeout, or if the connection broke,
// the object may be there.
func isRefused(err error) bool {
	var answer apierrors.APIStatus
	return errors.As(err, &answer) && !apierrors.IsTimeout(err) && !apierrors.IsServerTimeout(err)
}

// look reads all requests of the batch, and prints those that are settled since. It reports whether all are. An error that passes by itself is shown,
// and the next look comes.
func (b *batch) look(ctx context.Context, c client.Client) (bool, error) {
	if b.countUnsettled() == 0 {
		return true, nil
	}
	found, err := b.list(ctx, c)
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || ctx.Err() != nil {
		return false, err
	}
	if err != nil {
		reportTrouble(b.factory)(err)
		return false, nil
	}
	for _, item := range b.items {
		if !item.settled {
			b.observe(item, found[item.request.UID])
		}
	}
	return b.countUnsettled() == 0, nil
}

func (b *batch) list(ctx context.Context, c client.Client) (map[types.UID]*v1alpha1.StopRequest, error) {
	list := &v1alpha1.StopRequestList{}
	if err := c.List(ctx, list, client.InNamespace(b.namespace), client.MatchingLabels{v1alpha1.LabelBatch: b.id}); err != nil {
		return nil, err
	}
	found := map[types.UID]*v1alpha1.StopRequest{}
	for i := range list.Items {
		found[list.Items[i].UID] = &list.Items[i]
	}
	return found, nil
}

// observe takes a request as it is now, which is nil if somebody has deleted it.
func (b *batch) observe(item *batchItem, request *v1alpha1.StopRequest) {
	if request == nil {
		item.settled, item.err = true, errors.New("its StopRequest was deleted meanwhile")
		b.print("%s: %v", b.nameOf(item.execution), item.err)
		return
	}
	item.request = request
	conditions := request.Status.Conditions
	verdict, finished := findVerdict(conditions), meta.FindStatusCondition(conditions, v1alpha1.ConditionFinished)
	switch {
	case verdict == nil, b.options.wait && finished == nil:
		return
	case b.options.wait && meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionAccepted):
		b.print("%s: %s", b.nameOf(item.execution), cli.Halted.Render(finished.Reason))
	case verdictCode(verdict) == cli.CodeDone:
		b.print("%s: %s", b.nameOf(item.execution), cli.Good.Render(verdict.Reason))
	default:
		b.print("%s: %s: %s", b.nameOf(item.execution), cli.Bad.Render(verdict.Reason), verdict.Message)
	}
	item.settled = true
}

func (b *batch) countUnsettled() int {
	return b.countItems(func(item *batchItem) bool { return !item.settled })
}
func (b *batch) countFailed() int {
	return b.countItems(func(item *batchItem) bool { return item.err != nil })
}

func (b *batch) countRefused() int {
	return b.countItems(func(item *batchItem) bool { return item.isRefused })
}

func (b *batch) countItems(matches func(*batchItem) bool) (n int) {
	for _, item := range b.items {
		if matches(item) {
			n++
		}
	}
	return n
}

// summarize prints how many came to which end, and how to find the requests later.
func (b *batch) summarize() {
	var ends []string
	for _, item := range b.items {
		switch verdict := findVerdict(item.request.Status.Conditions); {
		case item.err != nil:
			ends = append(ends, "not stopped")
		case verdict == nil:
			ends = append(ends, "without a verdict")
		default:
			ends = append(ends, verdict.Reason)
		}
	}
	b.print("%s: %s", describeCount(len(b.items), "execution"), countWords(ends))
	if b.countRefused() == len(b.items) {
		return // There is nothing to find.
	}
	where := "-n " + b.namespace
	if b.namespace == "" {
		where = "-A"
	}
	b.print("The requests: kubectl get stoprequests %s -l %s=%s", where, v1alpha1.LabelBatch, b.id)
}

// finish prints the requests for programs, and returns the error of the command.
func (b *batch) finish(waited error) error {
	if !b.options.output.IsForPeople() {
		list := &v1alpha1.StopRequestList{}
		for _, item := range b.items {
			if item.err == nil {
				list.Items = append(list.Items, *item.request)
			}
		}
		if err := b.options.output.Print(b.factory, list); err != nil {
			return err
		}
	}
	failed := b.countFailed()
	switch {
	case waited != nil:
		return explainEndOfWait(waited, describeCount(b.countUnsettled(), "stop")+" not seen to the end", b.describeUnsettled())
	case failed == len(b.items):
		return fmt.Errorf("no execution was stopped: %w", b.items[0].err)
	case failed > 0:
		return cli.Exitf(cli.CodePartly, "%d of %s not stopped: %w", failed, describeCount(len(b.items), "execution"), b.firstError())
	default:
		return nil
	}
}

// describeUnsettled returns what becomes of the stops that are not settled, and what to look at if the operator has not looked at one of them.
func (b *batch) describeUnsettled() string {
	unseen := b.countItems(func(item *batchItem) bool { return !item.settled && len(item.request.Status.Conditions) == 0 })
	if unseen == 0 {
		return "They go on"
	}
	return fmt.Sprintf("They go on. The operator has not looked at %s; %s", describeCount(unseen, "request"), lookAtOperator)
}

func (b *batch) firstError() error {
	for _, item := range b.items {
		if item.err != nil {
			return item.err
		}
	}
	return nil
}

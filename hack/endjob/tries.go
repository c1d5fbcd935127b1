// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// try is a question, answered for each way by trying.
type try struct {
	question string
	answer   func(ctx context.Context, t *trying, w *way) (string, error)
	slow     bool // the creation of a pod takes long
}

type trying struct {
	*cluster
	board *board
	times int
	slow  bool // the creation of a pod takes long
}

// aftermath is how long something may take to show after an end was proved; it is longer than a Job that lingers.
const aftermath = 8 * time.Second

func tries() []try {
	return []try{
		{"another uid is named", otherUID, false},
		{"afterwards, the Job", whatIsLeft, false},
		{"afterwards, a Job of the same name", sameName, false},
		{"a try that had failed before, while its retry is ended", failedTry, false},
		{"the Job was created a moment ago", freshly, false},
		{"the Job was created suspended, and resumed a moment ago", resumed, false},
		{"the creation of its pod is under way", freshly, true},
		{"it was created suspended and resumed, and the creation of its pod is under way", resumed, true},
	}
}

func tryAll(ctx context.Context, c *cluster, b *board, o options) ([][]string, error) {
	t := &trying{cluster: c, board: b, times: o.tries}
	var answers [][]string
	for _, try := range tries() {
		log.Printf("trying: %s", try.question)
		all := ways()
		row := make([]string, len(all))
		t.slow = try.slow
		err := t.atPace(ctx, func() error {
			return inParallel(len(all), len(all), func(i int) (err error) {
				row[i], err = try.answer(ctx, t, &all[i])
				return err
			})
		})
		if err != nil {
			return nil, err
		}
		answers = append(answers, append([]string{try.question}, row...))
	}
	return answers, nil
}

func (t *trying) atPace(ctx context.Context, do func() error) error {
	if t.slow {
		return t.slowly(ctx, do)
	}
	return do()
}

func otherUID(ctx context.Context, t *trying, w *way) (string, error) {
	s, err := t.running(ctx, kind{})
	if err != nil {
		return "", err
	}
	t.board.Lock()
	other := &subject{name: s.name, uid: "4f1ee8c4-0000-4000-8000-000000000000", board: t.board, job: s.job}
	t.board.Unlock()
	err = w.begin(ctx, t.cluster, other)
	return outcome(err), nil
}

func outcome(err error) string {
	if err == nil {
		return "accepted"
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return fmt.Sprintf("%d %s", status.Status().Code, status.Status().Reason)
	}
	return err.Error()
}

func whatIsLeft(ctx context.Context, t *trying, w *way) (string, error) {
	s, err := t.ended(ctx, w)
	if err != nil {
		return "", err
	}
	return t.state(ctx, s)
}

// state is what the API server itself says of a Job.
func (t *trying) state(ctx context.Context, s *subject) (string, error) {
	job, err := t.jobs.Get(ctx, s.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "gone", nil
	}
	if err != nil {
		return "", err
	}
	for _, condition := range []batchv1.JobConditionType{batchv1.JobFailed, batchv1.JobComplete, batchv1.JobSuspended} {
		if isTrue(job, condition) {
			return string(condition), nil
		}
	}
	if job.DeletionTimestamp != nil {
		return "being deleted", nil
	}
	return "in progress", nil
}

func sameName(ctx context.Context, t *trying, w *way) (string, error) {
	s, err := t.ended(ctx, w)
	if err != nil {
		return "", err
	}
	job := t.job(kind{})
	job.Name = s.name
	_, err = t.jobs.Create(ctx, job, metav1.CreateOptions{})
	return outcome(err), nil
}

// failedTry has the pod fail, waits for the retry, and ends that.
func failedTry(ctx context.Context, t *trying, w *way) (string, error) {
	s, err := t.running(ctx, kind{})
	if err != nil {
		return "", err
	}
	for _, pod := range s.podsLeft() {
		if err := t.fail(ctx, pod.Name); err != nil {
			return "", err
		}
	}
	if err := s.within(ctx, "its retry runs", func() bool { return s.created == 2 && s.runs() }); err != nil {
		return "", err
	}
	if err := t.beginEnd(ctx, w, s, time.Now()); err != nil {
		return "", err
	}
	if err := t.proveEnd(ctx, s); err != nil {
		return "", err
	}
	left, records, err := t.podsLeft(ctx, s)
	if err != nil {
		return "", err
	}
	state, err := t.state(ctx, s)
	return fmt.Sprintf("Job %s; pods that run: %d, that stay as a record: %d", strings.ToLower(state), left, records), err
}

// fail says of a pod that it has failed. On a real node, the kubelet says so of a pod whose container it cannot start.
func (t *trying) fail(ctx context.Context, pod string) error {
	const failed = `{"status":{"phase":"Failed"}}`
	_, err := t.pods.Patch(ctx, pod, types.MergePatchType, []byte(failed), metav1.PatchOptions{}, "status")
	return err
}

// freshly ends Jobs whose pods are about to be created.
func freshly(ctx context.Context, t *trying, w *way) (string, error) {
	return t.race(ctx, w, kind{}, func(context.Context, *subject) error { return nil })
}

// resumed ends Jobs that another has just resumed: their condition Suspended is still that of before.
func resumed(ctx context.Context, t *trying, w *way) (string, error) {
	return t.race(ctx, w, kind{suspended: true}, func(ctx context.Context, s *subject) error {
		err := s.within(ctx, "it is suspended", func() bool { return s.job != nil && isTrue(s.job, batchv1.JobSuspended) })
		if err != nil {
			return err
		}
		return patch(`"suspend":false`)(ctx, t.cluster, s)
	})
}

// race counts how often a pod came after the end was proved. Each time it waits a bit longer before it ends the Job.
func (t *trying) race(ctx context.Context, w *way, k kind, prepare func(context.Context, *subject) error) (string, error) {
	results := make([]result, t.times)
	err := inParallel(t.times, t.atOnce(), func(i int) error {
		created, err := t.start(ctx, k)
		if err != nil {
			return err
		}
		s := t.board.adopt(created)
		if err := prepare(ctx, s); err != nil {
			return err
		}
		if err := sleep(ctx, t.head(i)); err != nil {
			return err
		}
		results[i], err = t.endAndCount(ctx, w, s)
		return err
	})
	if err != nil {
		return "", err
	}
	var sum result
	for _, r := range results {
		sum = result{sum.pods + min(r.pods, 1), sum.late + min(r.late, 1), sum.unproved + r.unproved}
	}
	return fmt.Sprintf("of %d: %d had a pod, %d had one after the proof, %d without a proof", t.times, sum.pods, sum.late, sum.unproved), nil
}

// result counts the pods of a Job, those that came after the proof of its end, and whether there was none.
type result struct{ pods, late, unproved int }

// atOnce is one by one where a race is to be met by its timing; else few, since a creation under way keeps a worker of
// the Job controller busy.
func (t *trying) atOnce() int {
	if t.slow {
		return 3
	}
	return 1
}

// head is the head start of the Job controller: about as long as it takes to ask for a pod.
func (t *trying) head(i int) time.Duration {
	if t.slow {
		return creationTakes / 3
	}
	return time.Duration(i) * time.Millisecond
}

// endAndCount ends a Job.
func (t *trying) endAndCount(ctx context.Context, w *way, s *subject) (result, error) {
	if err := t.beginEnd(ctx, w, s, time.Now()); err != nil {
		return result{}, err
	}
	s.board.Lock()
	if w.said(s.job) { // it says so already, from before
		s.saidSo = s.begun
	}
	s.board.Unlock()
	limited, cancel := context.WithTimeout(ctx, aftermath)
	defer cancel()
	unproved := 0
	if t.proveEnd(limited, s) != nil { // that it takes too long is an answer
		unproved = 1
	}
	atProof := s.podsCreated()
	if err := sleep(ctx, t.wait()); err != nil {
		return result{}, err
	}
	pods := s.podsCreated()
	return result{pods: pods, late: pods - atProof, unproved: unproved}, nil
}

// wait is how long a pod may come late.
func (t *trying) wait() time.Duration {
	if t.slow {
		return 2 * creationTakes
	}
	return time.Second
}

func (s *subject) podsCreated() int {
	s.board.Lock()
	defer s.board.Unlock()
	return s.created
}

func (s *subject) within(ctx context.Context, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	return s.until(ctx, what, holds)
}

func (t *trying) running(ctx context.Context, k kind) (*subject, error) {
	created, err := t.start(ctx, k)
	if err != nil {
		return nil, err
	}
	s := t.board.adopt(created)
	err = s.within(ctx, "its pod runs", s.runs)
	return s, err
}

func (t *trying) ended(ctx context.Context, w *way) (*subject, error) {
	s, err := t.running(ctx, kind{})
	if err != nil {
		return nil, err
	}
	return s, t.endOne(ctx, w, s, time.Now())
}

// runningNow counts pods that nobody has asked to end.
func (t *trying) runningNow(ctx context.Context, s *subject) (int, error) {
	pods, err := t.pods.List(ctx, metav1.ListOptions{LabelSelector: batchv1.ControllerUidLabel + "=" + string(s.uid)})
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range pods.Items {
		if pods.Items[i].DeletionTimestamp == nil && pods.Items[i].Status.Phase == corev1.PodRunning {
			n++
		}
	}
	return n, nil
}

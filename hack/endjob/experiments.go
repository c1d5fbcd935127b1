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

// experiment is a row of the table of what is left afterwards. Its answer is found by trying each way.
type experiment struct {
	question  string
	answer    func(ctx context.Context, lab *laboratory, way *endingWay) (string, error)
	slowsPods bool // the creation of pods is slowed down meanwhile
}

// laboratory is a cluster with the settings of the current experiment.
type laboratory struct {
	*testCluster
	times     int // how often to try a race
	slowsPods bool
}

// aftermath is how long it may take until something shows after a request. A pod that lingers takes less.
const aftermath = 8 * time.Second

func allExperiments() []experiment {
	return []experiment{
		{"the request names another uid", tryOtherUID, false},
		{"afterwards, the Job", findJobLeft, false},
		{"afterwards, its name", findNameLeft, false},
		{"an earlier try that failed, and its log", findEarlierPodLeft, false},
		{"the running pod, and its log", findRunningPodLeft, false},
		{"a Job that was just created gets a pod", raceNewJob, false},
		{"a Job that was just resumed gets a pod", raceResumedJob, false},
		{"a pod whose creation is under way comes after the confirmation", raceNewJob, true},
		{"the same, if the Job was suspended before and has just been resumed", raceResumedJob, true},
	}
}

// runExperiments returns a row of the table for each experiment: its question and the answer of each way.
func (c *testCluster) runExperiments(ctx context.Context, opts options) ([][]string, error) {
	var rows [][]string
	for _, current := range allExperiments() {
		log.Printf("trying: %s", current.question)
		lab := &laboratory{testCluster: c, times: opts.tries, slowsPods: current.slowsPods}
		answers, err := lab.findAnswers(ctx, current)
		if err != nil {
			return nil, err
		}
		rows = append(rows, append([]string{current.question}, answers...))
	}
	return rows, nil
}

// findAnswers tries all ways at the same time.
func (l *laboratory) findAnswers(ctx context.Context, current experiment) ([]string, error) {
	ways := allWays()
	answers := make([]string, len(ways))
	tryAll := func() error {
		return runInParallel(len(ways), len(ways), func(i int) (err error) {
			answers[i], err = current.answer(ctx, l, &ways[i])
			return err
		})
	}
	if current.slowsPods {
		return answers, l.slowPodCreation(ctx, tryAll)
	}
	return answers, tryAll()
}

func tryOtherUID(ctx context.Context, lab *laboratory, way *endingWay) (string, error) {
	running, err := lab.startRunningJob(ctx, jobOptions{})
	if err != nil {
		return "", err
	}
	lab.tracker.Lock()
	other := &trackedJob{name: running.name, uid: "4f1ee8c4-0000-4000-8000-000000000000", tracker: lab.tracker, job: running.job}
	lab.tracker.Unlock()
	return describeAnswer(way.requestEnd(ctx, lab.testCluster, other)), nil
}

// describeAnswer describes how the API server answered a request.
func describeAnswer(err error) string {
	if err == nil {
		return "accepted"
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return fmt.Sprintf("%d %#q", status.Status().Code, status.Status().Reason)
	}
	return err.Error()
}

func findJobLeft(ctx context.Context, lab *laboratory, way *endingWay) (string, error) {
	ended, err := lab.startAndEndJob(ctx, way)
	if err != nil {
		return "", err
	}
	return lab.describeJob(ctx, ended)
}

// describeJob describes the state of a Job by a live read.
func (c *testCluster) describeJob(ctx context.Context, tracked *trackedJob) (string, error) {
	job, err := c.jobs.Get(ctx, tracked.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "gone", nil
	}
	if err != nil {
		return "", err
	}
	for _, condition := range []batchv1.JobConditionType{batchv1.JobFailed, batchv1.JobComplete, batchv1.JobSuspended} {
		if isConditionTrue(job, condition) {
			return fmt.Sprintf("%#q", condition), nil
		}
	}
	if job.DeletionTimestamp != nil {
		return "being deleted", nil
	}
	return "in progress", nil
}

func findNameLeft(ctx context.Context, lab *laboratory, way *endingWay) (string, error) {
	ended, err := lab.startAndEndJob(ctx, way)
	if err != nil {
		return "", err
	}
	job := lab.buildJob(jobOptions{})
	job.Name = ended.name
	_, err = lab.jobs.Create(ctx, job, metav1.CreateOptions{})
	switch {
	case err == nil:
		return "free", nil
	case apierrors.IsAlreadyExists(err):
		return "taken", nil
	}
	return describeAnswer(err), nil
}

// findEarlierPodLeft has the pod of a Job fail, waits for the retry, and ends the Job.
func findEarlierPodLeft(ctx context.Context, lab *laboratory, way *endingWay) (string, error) {
	tracked, err := lab.startRunningJob(ctx, jobOptions{})
	if err != nil {
		return "", err
	}
	for _, pod := range tracked.remainingPods() {
		if err := lab.failPod(ctx, pod.Name); err != nil {
			return "", err
		}
	}
	err = tracked.waitUntil(ctx, "its retry runs", func() bool { return tracked.podsCreated == 2 && tracked.isRunning() })
	if err != nil {
		return "", err
	}
	if err := lab.endJob(ctx, way, tracked); err != nil {
		return "", err
	}
	_, kept, err := lab.countPods(ctx, tracked)
	return describePodsLeft(kept), err
}

func findRunningPodLeft(ctx context.Context, lab *laboratory, way *endingWay) (string, error) {
	ended, err := lab.startAndEndJob(ctx, way)
	if err != nil {
		return "", err
	}
	pods, err := lab.listPods(ctx, ended)
	return describePodsLeft(len(pods)), err
}

func describePodsLeft(count int) string {
	if count == 0 {
		return "gone"
	}
	return "stays"
}

// failPod writes that a pod has failed, as the kubelet of a real node does if it cannot start a container.
func (c *testCluster) failPod(ctx context.Context, pod string) error {
	const failed = `{"status":{"phase":"Failed"}}`
	_, err := c.pods.Patch(ctx, pod, types.MergePatchType, []byte(failed), metav1.PatchOptions{}, "status")
	return err
}

// raceNewJob ends Jobs whose pods are about to be created.
func raceNewJob(ctx context.Context, lab *laboratory, way *endingWay) (string, error) {
	return lab.racePods(ctx, way, jobOptions{}, func(context.Context, *trackedJob) error { return nil })
}

// raceResumedJob ends Jobs that somebody else has just resumed. Their condition Suspended still describes the time before.
func raceResumedJob(ctx context.Context, lab *laboratory, way *endingWay) (string, error) {
	return lab.racePods(ctx, way, jobOptions{suspended: true}, func(ctx context.Context, tracked *trackedJob) error {
		err := tracked.waitUntil(ctx, "it is suspended", func() bool {
			return tracked.job != nil && isConditionTrue(tracked.job, batchv1.JobSuspended)
		})
		if err != nil {
			return err
		}
		return patchSpec(`"suspend":false`)(ctx, lab.testCluster, tracked)
	})
}

// raceResult counts the pods of one or more Jobs, those that came after the end was confirmed, and the ends that were not
// confirmed in time.
type raceResult struct{ pods, late, unconfirmed int }

// racePods starts and ends Jobs. It waits a bit longer each time before it ends the Job.
func (l *laboratory) racePods(
	ctx context.Context, way *endingWay, opts jobOptions, prepare func(context.Context, *trackedJob) error,
) (string, error) {
	results := make([]raceResult, l.times)
	err := runInParallel(l.times, l.parallelRaces(), func(i int) error {
		tracked, err := l.createJob(ctx, opts)
		if err != nil {
			return err
		}
		if err := prepare(ctx, tracked); err != nil {
			return err
		}
		if err := sleepFor(ctx, l.headStart(i)); err != nil {
			return err
		}
		results[i], err = l.endJobAndCountPods(ctx, way, tracked)
		return err
	})
	if err != nil {
		return "", err
	}
	return l.describeRaces(results), nil
}

// describeRaces counts Jobs, not pods. It leaves out what did not happen, except what the question asks for.
func (l *laboratory) describeRaces(results []raceResult) string {
	var sum raceResult
	for _, result := range results {
		sum.pods += min(result.pods, 1)
		sum.late += min(result.late, 1)
		sum.unconfirmed += result.unconfirmed
	}
	asked, others := sum.pods, []string{}
	if l.slowsPods {
		asked = sum.late
	} else if sum.late > 0 {
		others = append(others, fmt.Sprintf("%d after the confirmation", sum.late))
	}
	if sum.unconfirmed > 0 {
		others = append(others, fmt.Sprintf("%d not confirmed", sum.unconfirmed))
	}
	return strings.Join(append([]string{fmt.Sprintf("%d of %d", asked, len(results))}, others...), ", ")
}

// parallelRaces is 1 if a race depends on its timing. Otherwise it is small, because a creation that is under way keeps a
// worker of the Job controller busy.
func (l *laboratory) parallelRaces() int {
	if l.slowsPods {
		return 3
	}
	return 1
}

// headStart returns how long the Job controller has before the Job is ended: about as long as it takes to ask for a pod.
func (l *laboratory) headStart(i int) time.Duration {
	if l.slowsPods {
		return slowCreation / 3
	}
	return time.Duration(i) * time.Millisecond
}

func (l *laboratory) endJobAndCountPods(ctx context.Context, way *endingWay, tracked *trackedJob) (raceResult, error) {
	if err := l.requestEnd(ctx, way, tracked, time.Now()); err != nil {
		return raceResult{}, err
	}
	l.tracker.Lock()
	if way.hasReported(tracked.job) { // the report may describe the time before, and no event will repeat it
		tracked.reportedAt = tracked.beganAt
	}
	l.tracker.Unlock()
	limited, cancel := context.WithTimeout(ctx, aftermath)
	defer cancel()
	var result raceResult
	if l.confirmEnd(limited, tracked) != nil { // a timeout is a result
		result.unconfirmed = 1
	}
	before := tracked.countCreatedPods()
	if err := sleepFor(ctx, l.latePodTime()); err != nil {
		return raceResult{}, err
	}
	result.pods = tracked.countCreatedPods()
	result.late = result.pods - before
	return result, nil
}

// latePodTime returns how long to wait for a pod that comes late.
func (l *laboratory) latePodTime() time.Duration {
	if l.slowsPods {
		return 2 * slowCreation
	}
	return time.Second
}

func (c *testCluster) startRunningJob(ctx context.Context, opts jobOptions) (*trackedJob, error) {
	tracked, err := c.createJob(ctx, opts)
	if err != nil {
		return nil, err
	}
	err = tracked.waitUntil(ctx, "its pod runs", tracked.isRunning)
	return tracked, err
}

func (c *testCluster) startAndEndJob(ctx context.Context, way *endingWay) (*trackedJob, error) {
	tracked, err := c.startRunningJob(ctx, jobOptions{})
	if err != nil {
		return nil, err
	}
	err = c.endJob(ctx, way, tracked)
	return tracked, err
}

// countRunningPods counts pods that run and that nobody has asked to end.
func (c *testCluster) countRunningPods(ctx context.Context, tracked *trackedJob) (int, error) {
	pods, err := c.listPods(ctx, tracked)
	count := 0
	for i := range pods {
		if pods[i].DeletionTimestamp == nil && pods[i].Status.Phase == corev1.PodRunning {
			count++
		}
	}
	return count, err
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/simcluster"
)

// queueScenarios are stops of Jobs that a queue suspends and resumes, in every order.
func queueScenarios() []*Scenario {
	queued := setUpOneRun(newStage("Build", newAction("compile").thatIsQueued()), newStage("Deploy", newAction("roll-out")))
	admit := func(when When) Act { return newQueueAct(when, false) }
	preempt := func(when When) Act { return newQueueAct(when, true) }
	wait := newStopAct(whenQueued, "stop", setWait)
	return []*Scenario{
		{Name: "queued", Setup: queued, Want: map[string]string{"run": inProgress}},
		{Name: "queued-and-admitted", Setup: queued, Acts: []Act{admit(whenQueued)}, Want: map[string]string{"run": succeeded}},
		{Name: "wait-while-queued", Small: true, Setup: queued, Acts: []Act{wait},
			Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
		{Name: "abandon-while-queued", Setup: queued, Acts: []Act{newStopAct(whenQueued, "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
		{Name: "admitted-with-the-stop", Setup: queued, Acts: []Act{wait, admit(whenAskedToStop)},
			Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
		{Name: "admitted-before-it-is-kept", Setup: queued, Acts: []Act{wait, admit(beforeCall("patch", simcluster.Job, 1))},
			Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
		{Name: "admitted-after-it-is-kept", Setup: queued, Acts: []Act{wait, admit(afterCall("patch", simcluster.Job, 1))},
			Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
		{Name: "preempted-before-the-stop", Setup: queued,
			Acts: []Act{admit(whenQueued), preempt(whenRunning(1)), newStopAct(whenPreempted, "stop", setWait)},
			Want: map[string]string{"run": stopping, "stop": accepted}},
		{Name: "preempted-and-abandoned", Setup: queued,
			Acts: []Act{admit(whenQueued), preempt(whenRunning(1)), newStopAct(whenPreempted, "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "queued-beside-what-runs", Setup: setUpOneRun(newStage("Build", newAction("compile").thatIsQueued(), newAction("lint").thatHangs())),
			Acts: []Act{newStopAct(whenRunning(1), "stop", setWait)}, Want: map[string]string{"run": stopping, "stop": accepted}, FromFirstStop: true},
	}
}

// thatIsQueued has the Job be created suspended, as for a queue.
func (a action) thatIsQueued() action {
	return a.withJob(`"backoffLimit":0`, `"backoffLimit":0,"suspend":true`)
}

// newQueueAct resumes the first Job, as a queue does, or suspends it again.
func newQueueAct(when When, suspend bool) Act {
	return Act{when, func(s *Sim) {
		s.Store.As("queue", func() {
			if all := s.Store.All(simcluster.Job); len(all) > 0 {
				s.Store.Mutate(simcluster.Job, client.ObjectKeyFromObject(all[0]), func(o client.Object) {
					o.(*batchv1.Job).Spec.Suspend = ptr.To(suspend)
				})
			}
		})
	}}
}

// whenQueued is when the Job controller has seen a suspended Job.
func whenQueued(s *Sim, _ *simcluster.Call, _ bool) bool { return countSuspended(s, 1) > 0 }

// whenPreempted is when the Job controller has seen that a Job was resumed and suspended again.
func whenPreempted(s *Sim, _ *simcluster.Call, _ bool) bool {
	return countSuspended(s, 3) > 0 && len(s.Store.All(simcluster.Pod)) == 0
}

// whenAskedToStop is when a request is there.
func whenAskedToStop(s *Sim, _ *simcluster.Call, _ bool) bool {
	return len(s.Store.All(simcluster.StopRequest)) > 0
}

// countSuspended counts the Jobs of a generation of which the Job controller has confirmed that they are suspended.
func countSuspended(s *Sim, generation int64) int {
	n := 0
	for _, o := range s.Store.All(simcluster.Job) {
		for _, c := range o.(*batchv1.Job).Status.Conditions {
			if c.Type == batchv1.JobSuspended && c.Status == "True" && o.GetGeneration() == generation {
				n++
			}
		}
	}
	return n
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// unprovenOnly is what a case wants in which nothing is found, and the execution cannot be judged.
const unprovenOnly = "unproven"

// rest marks the end of the history as a rest.
func (b *historyBuilder) rest() {
	b.history.Rest = &Rest{Executions: math.MaxUint64, StopRequests: math.MaxUint64, Requests: len(b.history.Requests)}
}

// checkCase is a history, and what is found in it.
type checkCase struct {
	name string
	// want begins the name of the check that finds something; empty if none does.
	want  string
	write func(*historyBuilder)
}

// TestChecks shows that each check finds what is wrong with a history, and nothing in a good one. The test of the explorer's
// checks has more cases, in histories that a store makes; here are those that only chaos can meet.
func TestChecks(t *testing.T) {
	for _, tt := range slices.Concat(verdictCases(), startCases(), stoppedCases(), orphanCases(), deletionCases(), writeCases()) {
		t.Run(tt.name, func(t *testing.T) {
			b := &historyBuilder{versions: map[types.UID]client.Object{}}
			tt.write(b)
			b.history.Index()
			var found []string
			unproven := 0
			for _, result := range Run(&b.history, Checks) {
				unproven += len(result.Unproven)
				for _, v := range result.Violations {
					found = append(found, result.Check.Name+": "+v.Text)
				}
			}
			if want := strings.TrimPrefix(tt.want, unprovenOnly); want == "" && len(found) > 0 || want != "" && !hasPrefix(found, want) {
				t.Errorf("found %q, want %q", found, tt.want)
			}
			if tt.want == unprovenOnly && unproven == 0 {
				t.Error("the execution was judged")
			}
		})
	}
}

func hasPrefix(all []string, prefix string) bool {
	for _, s := range all {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// verdictCases are those of I1, I2 and I8.
func verdictCases() []checkCase {
	return []checkCase{
		{"a good stop", "", func(b *historyBuilder) {
			b.writeExecution(inProgress, atWork)
			b.writeJob("j")
			b.writePod(corev1.PodRunning)
			b.writeRequest(abandon, "")
			b.writeExecution(stopping, abandoned, abandon)
			b.writeRequest(abandon, accepted)
			b.writeJob("j", setTerminated)
			b.remove("pod")
			b.writeExecution(isStopped, abandoned, abandon)
		}},
		{"a good stop that rests", "", func(b *historyBuilder) {
			b.writeExecution(stopping, atWork, wait)
			b.writeRequest(wait, accepted)
			b.writeExecution(isStopped, notStarted, wait)
			b.concludeRequest(wait)
			b.rest()
		}},
		{"no verdict", "I8 everything", func(b *historyBuilder) { b.writeRequest(wait, ""); b.rest() }},
		{"no final state", "I8 everything", func(b *historyBuilder) { b.writeExecution(stopping, atWork, wait); b.rest() }},
		{"no final state, and the execution waits for a person", "", func(b *historyBuilder) {
			b.writeExecution(stopping, atWork, wait)
			b.rest()
			b.history.Rest.Waiting = map[types.UID]bool{"e": true}
		}},
		{"a write at rest", "I8 writes", func(b *historyBuilder) { b.rest(); b.request("patch", Guard{UID: true, State: true}) }},
		{"a write before the rest", "", func(b *historyBuilder) { b.request("patch", Guard{UID: true, State: true}); b.rest() }},
		{"another verdict", "I1 one", func(b *historyBuilder) {
			b.writeRequest(wait, accepted)
			b.writeRequest(wait, v1alpha1.ReasonNotStoppable)
		}},
		{"accepted before it is published", "I1 every", func(b *historyBuilder) {
			b.writeExecution(inProgress, atWork, wait)
			b.writeRequest(wait, accepted)
		}},
		{"not stoppable in progress", "I1 every", func(b *historyBuilder) {
			b.writeExecution(inProgress, atWork)
			b.writeRequest(wait, v1alpha1.ReasonNotStoppable)
		}},
		{"a duplicate of nothing", "I1 every", func(b *historyBuilder) {
			b.writeExecution(inProgress, atWork)
			b.writeRequest(wait, v1alpha1.ReasonDuplicatedStopRequest)
		}},
		{"a wait after an abandon", "I2", func(b *historyBuilder) { b.writeExecution(stopping, atWork, abandon, wait) }},
		{"a stop is undone", "I2", func(b *historyBuilder) { b.writeExecution(stopping, atWork, wait); b.writeExecution(stopping, atWork) }},
	}
}

// startCases are those of I3 and I4.
func startCases() []checkCase {
	return []checkCase{
		{"a Job after Accepted", "I3", func(b *historyBuilder) {
			b.writeExecution(stopping, atWork, wait)
			b.writeRequest(wait, accepted)
			b.writeJob("j")
		}},
		{"a Job after its stop was published", "I3", func(b *historyBuilder) {
			b.writeExecution(stopping, atWork, wait)
			b.writeJob("j")
			b.writeRequest(wait, accepted)
		}},
		{"a fence, and then Accepted", "", func(b *historyBuilder) {
			b.writeExecution(inProgress, atWork, wait)
			b.writeJob("k", setPlaceholder)
			b.writeExecution(isStopped, notStarted, wait)
			b.writeRequest(wait, accepted)
		}},
		{"a fence after Accepted", "I3", func(b *historyBuilder) {
			b.writeExecution(isStopped, notStarted, wait)
			b.writeRequest(wait, accepted)
			b.writeJob("k", setPlaceholder)
		}},
		{"the name of a lost Job is held after Accepted", "", func(b *historyBuilder) {
			b.writeExecution(inProgress, atWork)
			b.writeJob("j")
			b.writeExecution(stopping, atWork, wait)
			b.writeRequest(wait, accepted)
			b.remove("j")
			b.writeJob("k", setPlaceholder)
			b.writeExecution(isStopped, failed, wait)
		}},
		{"the name of a Job that is there is held after Accepted", "I3", func(b *historyBuilder) {
			b.writeExecution(inProgress, atWork)
			b.writeJob("j")
			b.writeExecution(stopping, atWork, wait)
			b.writeRequest(wait, accepted)
			b.writeJob("k", setPlaceholder)
		}},
		{"the name of a Job that was not recorded is held after Accepted", "I3", func(b *historyBuilder) {
			b.writeExecution(inProgress, atWork)
			b.writeJob("x")
			b.writeExecution(stopping, atWork, wait)
			b.writeRequest(wait, accepted)
			b.remove("x")
			b.writeJob("k", setPlaceholder)
		}},
		{"a Job that was created before Accepted, by a request that was lost", unprovenOnly, func(b *historyBuilder) {
			b.writeExecution(stopping, atWork, wait)
			b.writeRequest(wait, accepted)
			b.writeJob("j", setComplete)
			b.last().Verb, b.last().Writer = "", WriterUnknown
			b.lose("create", simcluster.Job, "")
			b.writeExecution(isStopped, succeeded, wait)
		}},
		{"a lost Job runs again after Accepted", "I3", func(b *historyBuilder) {
			b.writeExecution(inProgress, atWork)
			b.writeJob("j")
			b.writeExecution(stopping, atWork, wait)
			b.writeRequest(wait, accepted)
			b.remove("j")
			b.writeJob("k")
		}},
		{"two Jobs of an action", "I4", func(b *historyBuilder) {
			b.writeExecution(inProgress, atWork)
			b.writeJob("j")
			b.remove("j")
			b.writeJob("k")
		}},
	}
}

// stoppedCases are those of I5.
func stoppedCases() []checkCase {
	return []checkCase{
		{"a final state changes", "I5 final", func(b *historyBuilder) {
			b.writeExecution(isStopped, succeeded)
			b.writeExecution(v1alpha1.ExecutionSucceeded, succeeded)
		}},
		{"Stopping is taken back", "I5 final", func(b *historyBuilder) {
			b.writeExecution(stopping, atWork, wait)
			b.writeExecution(inProgress, atWork, wait)
		}},
		{"Stopped while a Job runs", "I5 Stopped", func(b *historyBuilder) {
			b.writeJob("j")
			b.writeExecution(isStopped, succeeded, wait)
			b.writeJob("j", setComplete)
		}},
		{"Stopped while a Job runs of which the execution does not know", "I5 Stopped", func(b *historyBuilder) {
			b.writeJob("j")
			b.writeExecution(isStopped, notStarted, wait)
			b.writeJob("j", setComplete)
		}},
		{"Stopped while a pod is there of a Job of which the execution does not know", "I5 Stopped", func(b *historyBuilder) {
			b.writeJob("j", setTerminated)
			b.writePod(corev1.PodRunning)
			b.writeExecution(isStopped, notStarted, wait)
			b.remove("pod")
		}},
		{"Stopped while a pod is there of a Job that finished", "I5 Stopped", func(b *historyBuilder) {
			b.writeJob("j", setComplete)
			b.writePod(corev1.PodRunning)
			b.writeExecution(isStopped, succeeded, wait)
			b.remove("pod")
		}},
		{"Stopped while a Job can be resumed", "I5 Stopped", func(b *historyBuilder) {
			b.writeJob("j", setSuspended)
			b.writeExecution(isStopped, abandoned, abandon)
		}},
		{"Stopped while the end of a Job was being written, by a request that was lost", unprovenOnly, func(b *historyBuilder) {
			b.writeJob("j")
			b.writeExecution(isStopped, succeeded, wait)
			b.writeJob("j", setComplete)
			b.lose("update", simcluster.Job, jobName)
		}},
		{"Stopped while a Job runs, and a request about a pod of its name was lost", "I5 Stopped", func(b *historyBuilder) {
			b.writeJob("j")
			b.writeExecution(isStopped, succeeded, wait)
			b.writeJob("j", setComplete)
			b.lose("update", simcluster.Pod, jobName)
			b.lose("create", simcluster.Job, "")
		}},
	}
}

// orphanCases are those of I6 and of pods at the end.
func orphanCases() []checkCase {
	return []checkCase{
		{"orphaned as its action asks for", "", func(b *historyBuilder) {
			b.writePipeline(v1alpha1.OnAbandonOrphan)
			b.writeJob("j")
			b.writePod(corev1.PodRunning)
			b.writeExecution(stopping, abandoned, abandon)
			b.writeJob("j", setOrphaned)
			b.writeExecution(isStopped, abandoned, abandon)
		}},
		{"orphaned before its action was abandoned", "I6 work", func(b *historyBuilder) {
			b.writePipeline(v1alpha1.OnAbandonOrphan)
			b.writeJob("j")
			b.writeJob("j", setOrphaned)
			b.writeExecution(isStopped, abandoned, abandon)
		}},
		{"orphaned, and its action does not ask for it", "I5 Stopped", func(b *historyBuilder) {
			b.writePipeline(v1alpha1.OnAbandonTerminate)
			b.writeJob("j")
			b.writeJob("j", setOrphaned)
			b.writeExecution(isStopped, abandoned, abandon)
		}},
		{"orphaned without being asked, and finished since", "I6", func(b *historyBuilder) {
			b.writePipeline(v1alpha1.OnAbandonTerminate)
			b.writeJob("j")
			b.writeJob("j", setOrphaned, setComplete)
			b.writeExecution(isStopped, abandoned, abandon)
		}},
		{"orphaned, and its action was not abandoned", "I6", func(b *historyBuilder) {
			b.writePipeline(v1alpha1.OnAbandonOrphan)
			b.writeJob("j")
			b.writeJob("j", setOrphaned, setComplete)
			b.writeExecution(isStopped, succeeded, wait)
		}},
		{"Stopped while a pod is there", "I5 Stopped", func(b *historyBuilder) {
			b.writeJob("j", setTerminated)
			b.writePod(corev1.PodRunning)
			b.writeExecution(isStopped, abandoned, abandon)
			b.remove("pod")
		}},
		{"Stopped while nobody knows whether a pod was there", unprovenOnly, func(b *historyBuilder) {
			b.writeJob("j", setTerminated)
			b.writePod(corev1.PodRunning)
			b.writeExecution(isStopped, abandoned, abandon)
			b.remove("pod")
			b.last().After -= 2
		}},
		{"Stopped while nobody knows whether a pod was there, which was deleted later", "I5 Stopped", func(b *historyBuilder) {
			b.writeJob("j", setTerminated)
			b.writePod(corev1.PodRunning)
			b.writeExecution(isStopped, abandoned, abandon)
			b.last().Time = time.Unix(10, 0)
			b.remove("pod")
			b.last().After -= 2
			b.last().Time = time.Unix(20, 0)
		}},
		{"a pod after Stopped", "I5 Stopped", func(b *historyBuilder) {
			b.writeJob("j", setTerminated)
			b.writeExecution(isStopped, abandoned, abandon)
			b.writePod(corev1.PodPending)
		}},
		{"a Job is left running", "I6", func(b *historyBuilder) { b.writeJob("j"); b.writeExecution(v1alpha1.ExecutionFailed, succeeded) }},
	}
}

// deletionCases are those of I10 for what has finished.
func deletionCases() []checkCase {
	return []checkCase{
		{"deleted after a minute", "", func(b *historyBuilder) {
			b.endExecution()
			b.deleteAfter("e", time.Minute)
		}},
		{"deleted within a minute", "I10 of", func(b *historyBuilder) {
			b.endExecution()
			b.deleteAfter("e", time.Minute-time.Second)
		}},
		{"deleted while it runs", "I10 of", func(b *historyBuilder) {
			b.writeExecution(inProgress, atWork)
			b.deleteAfter("e", time.Hour)
		}},
		{"deleted while an accepted request waits", "I10 of", func(b *historyBuilder) {
			b.writeExecution(stopping, notStarted, wait)
			b.writeRequest(wait, accepted)
			b.endExecution(wait)
			b.deleteAfter("e", time.Hour)
		}},
		{"deleted when its request is finished", "", func(b *historyBuilder) {
			b.writeExecution(stopping, notStarted, wait)
			b.writeRequest(wait, accepted)
			b.endExecution(wait)
			b.concludeRequest(wait)
			b.deleteAfter("e", time.Hour)
		}},
		{"deleted by somebody else while it runs", "", func(b *historyBuilder) {
			b.writeExecution(inProgress, notStarted)
			b.deleteAfter("e", time.Hour)
			b.last().Writer = WriterOther
		}},
		{"a request without a TTL is deleted", "I10 of", func(b *historyBuilder) {
			b.writeRequest(wait, v1alpha1.ReasonNotStoppable)
			b.deleteAfter("rWait", time.Hour)
		}},
		{"a request without a verdict is deleted", "I10 of", func(b *historyBuilder) {
			b.writeRequest(wait, "")
			b.deleteAfter("rWait", time.Hour)
		}},
		{"a deletion under the uid alone", "I10 every", func(b *historyBuilder) {
			b.request("delete", Guard{UID: true})
			b.history.Requests[0].Kind = simcluster.Execution
		}},
		{"a deletion under uid and version", "", func(b *historyBuilder) {
			b.request("delete", Guard{UID: true, State: true})
			b.history.Requests[0].Kind = simcluster.Execution
		}},
	}
}

var noon = time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)

// endExecution writes that the execution is Stopped, or has failed if nobody stopped it, since noon.
func (b *historyBuilder) endExecution(requests ...v1alpha1.StopMode) {
	state := v1alpha1.ExecutionFailed
	if len(requests) > 0 {
		state = isStopped
	}
	b.writeExecution(state, notStarted, requests...)
	b.versions["e"].(*v1alpha1.PipelineExecution).Status.CompletionTime = &metav1.Time{Time: noon}
}

// deleteAfter has the operator delete an object, some time after noon.
func (b *historyBuilder) deleteAfter(uid types.UID, after time.Duration) {
	b.remove(uid)
	b.last().Writer, b.last().Verb, b.last().Time = WriterOperator, "delete", noon.Add(after)
}

// writeCases are those of I7, I9 and I10.
func writeCases() []checkCase {
	return []checkCase{
		{"a Job of somebody else's is written", "I7", func(b *historyBuilder) { b.writeJob("x", setForeign); b.writeJob("x", setForeign, setSuspended) }},
		{"written again and again", "I9", func(b *historyBuilder) {
			for range MaxWritesOfObject + 1 {
				b.writeExecution(inProgress, atWork)
			}
		}},
		{"deleted", "I10", func(b *historyBuilder) {
			b.request("delete", Guard{UID: true})
		}},
		{"an update without a version", "I10", func(b *historyBuilder) {
			b.request("update-status", Guard{UID: true})
		}},
		{"a patch under a version", "", func(b *historyBuilder) { b.request("patch", Guard{UID: true, State: true}) }},
		{"a request that the API server did not read", "", func(b *historyBuilder) {
			b.request("patch", Guard{})
			b.history.Requests[0].Guard = nil
		}},
		{"a Job of somebody else's is gone", "I7", func(b *historyBuilder) {
			b.writeJob("x", setForeign)
			b.last().Writer = WriterOther
			b.remove("x")
		}},
		{"a Job of somebody else's was deleted by somebody else", "", func(b *historyBuilder) {
			b.writeJob("x", setForeign)
			b.last().Writer = WriterOther
			b.remove("x")
			b.last().Writer = WriterOther
		}},
	}
}

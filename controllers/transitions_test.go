// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/metrics"
	"haltline.dev/haltline/controllers/transition"
	"haltline.dev/haltline/internal/text"
)

// recordedEvent is an event as it was recorded.
type recordedEvent struct {
	Kind, EventType, Reason, Action, Note string
	Related                               *metav1.PartialObjectMetadata
}

// reports are what a Reporter reports.
type reports struct {
	*Reporter
	t      *testing.T
	events []recordedEvent
	lines  bytes.Buffer
}

func newReports(t *testing.T) *reports {
	t.Helper()
	r := &reports{t: t}
	r.Reporter = &Reporter{Recorder: r, Metrics: metrics.New(), Clock: testclock.NewFakePassiveClock(time.Unix(1e9, 0))}
	return r
}

// Eventf records an event.
func (r *reports) Eventf(object, related runtime.Object, eventType, reason, action, note string, args ...any) {
	event := recordedEvent{
		Kind: strings.TrimPrefix(fmt.Sprintf("%T", object), "*v1alpha1."), EventType: eventType, Reason: reason, Action: action, Note: fmt.Sprintf(note, args...),
	}
	if related != nil {
		event.Related = related.(*metav1.PartialObjectMetadata)
	}
	r.events = append(r.events, event)
}

// ofExecution reports a transition of an execution.
func (r *reports) ofExecution(tr transition.Transition) {
	ctx := log.IntoContext(r.t.Context(), zap.New(zap.WriteTo(&r.lines), zap.JSONEncoder()))
	r.reportExecution(ctx, makeExecution(), []transition.Transition{tr})
}

// ofRequest reports a transition of a stop request that abandons. The execution is the name of the one that it names, if there
// is one.
func (r *reports) ofRequest(execution string, tr transition.Transition) {
	ctx := log.IntoContext(r.t.Context(), zap.New(zap.WriteTo(&r.lines), zap.JSONEncoder()))
	r.reportStopRequest(ctx, makeStopRequest("halt", true), execution, []transition.Transition{tr})
}

// logLines returns the fields of each log line, without its time, level and text.
func (r *reports) logLines() []map[string]any {
	r.t.Helper()
	var lines []map[string]any
	for decoder := json.NewDecoder(&r.lines); decoder.More(); {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			r.t.Fatal(err)
		}
		if line["msg"] != "transition" || line["level"] != "info" {
			r.t.Errorf("a line of %q at %q", line["msg"], line["level"])
		}
		for _, name := range []string{"ts", "level", "msg"} {
			delete(line, name)
		}
		lines = append(lines, line)
	}
	return lines
}

// countedTransitions returns the transitions that were counted, as "kind transition".
func (r *reports) countedTransitions() map[string]float64 {
	r.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r.Metrics.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "haltline_transitions_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			var values []string
			for _, label := range metric.GetLabel() {
				values = append(values, label.GetValue())
			}
			counted[strings.Join(values, " ")] = metric.GetCounter().GetValue()
		}
	}
	return counted
}

// expectedEvent is what the event of a transition must be. It is empty if there must be none.
type expectedEvent struct{ eventType, reason, action string }

var (
	executionEvents = map[transition.Type]expectedEvent{
		transition.Started:            {"Normal", "Started", "Start"},
		transition.WaitingForPipeline: {"Normal", "WaitingForPipeline", "Start"},
		transition.StartBlocked:       {"Warning", "StartBlocked", "Start"},
		transition.ActionStarted:      {},
		transition.ActionSucceeded:    {},
		transition.ActionWaiting:      {"Warning", "ActionWaiting", "Run"},
		transition.ActionFailed:       {"Warning", "ActionFailed", "Run"},
		transition.WaitingForApproval: {"Normal", "WaitingForApproval", "Approve"},
		transition.ActionApproved:     {"Normal", "ActionApproved", "Approve"},
		transition.ActionAbandoned:    {},
		transition.Failing:            {},
		transition.Succeeded:          {"Normal", "Succeeded", "Run"},
		transition.Failed:             {"Warning", "Failed", "Run"},
		transition.WaitingForStage:    {},
		transition.TransitionDisabled: {"Normal", "TransitionDisabled", "Start"},
		transition.Superseded:         {"Normal", "Superseded", "Run"},
		transition.Fencing:            {},
		transition.StopBlocked:        {"Warning", "StopBlocked", "Stop"},
		transition.Stopping:           {"Normal", "Stopping", "Stop"},
		transition.Escalated:          {"Normal", "Escalated", "Stop"},
		transition.StopWaiting:        {"Warning", "StopWaiting", "Stop"},
		transition.StopInGracePeriod:  {"Normal", "StopInGracePeriod", "Stop"},
		transition.Stopped:            {"Normal", "Stopped", "Stop"},
	}
	requestEvents = map[transition.Type]expectedEvent{
		transition.Accepted:    {},
		transition.Rejected:    {"Warning", "DuplicatedStopRequestException", "Stop"},
		transition.RequestDone: {},
	}
)

// A transition that nobody thought of would be no event, and nobody would notice.
func TestEveryTransitionIsHandledOnPurpose(t *testing.T) {
	var expected []string
	for _, events := range []map[transition.Type]expectedEvent{executionEvents, requestEvents} {
		for transitionType := range events {
			expected = append(expected, string(transitionType))
		}
	}
	slices.Sort(expected)
	if diff := cmp.Diff(declaredTransitions(t), expected); diff != "" {
		t.Errorf("transitions (-declared +expected):\n%s", diff)
	}
	for transitionType := range eventOf {
		if _, ofExecution := executionEvents[transitionType]; !ofExecution && requestEvents[transitionType] == (expectedEvent{}) {
			t.Errorf("%s has an event, and should have none", transitionType)
		}
	}
}

// declaredTransitions returns the names of the constants that package transition declares. The value of each is its name.
func declaredTransitions(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("transition", "transition.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok {
			if ident, ok := spec.Type.(*ast.Ident); ok && ident.Name == "Type" {
				for _, name := range spec.Names {
					names = append(names, name.Name)
				}
			}
		}
		return true
	})
	slices.Sort(names)
	return names
}

// docs/observing.md lists every transition, on what it is, and the type of its event.
func TestDocsListTheTransitions(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "docs", "observing.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| (execution|StopRequest) \\| `(\\w+)` \\| (\\w*) ?\\|")
	for _, cells := range row.FindAllStringSubmatch(string(raw), -1) {
		documented[cells[2]] = strings.TrimSpace(cells[1] + " " + cells[3])
	}
	want := map[string]string{}
	for kind, events := range map[string]map[transition.Type]expectedEvent{"execution": executionEvents, "StopRequest": requestEvents} {
		for transitionType, event := range events {
			want[string(transitionType)] = strings.TrimSpace(kind + " " + event.eventType)
		}
	}
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("docs/observing.md (-want +documented):\n%s", diff)
	}
}

// Each transition is one event or none, one log line and one count.
func TestReport(t *testing.T) {
	for transitionType, want := range executionEvents {
		t.Run(string(transitionType), func(t *testing.T) {
			r := newReports(t)
			r.ofExecution(transition.Transition{Type: transitionType, Message: "m"})
			checkReport(t, r, "PipelineExecution", transitionType, want)
		})
	}
	for transitionType, want := range requestEvents {
		t.Run(string(transitionType), func(t *testing.T) {
			r := newReports(t)
			tr := transition.Transition{Type: transitionType, Message: "m"}
			if transitionType == transition.Rejected {
				tr.Verdict = v1alpha1.ReasonDuplicatedStopRequest
			}
			r.ofRequest("run-1", tr)
			checkReport(t, r, "StopRequest", transitionType, want)
		})
	}
}

func checkReport(t *testing.T, r *reports, kind string, transitionType transition.Type, want expectedEvent) {
	t.Helper()
	var events []recordedEvent
	if want != (expectedEvent{}) {
		events = []recordedEvent{{Kind: kind, EventType: want.eventType, Reason: want.reason, Action: want.action, Note: "m"}}
	}
	if diff := cmp.Diff(events, r.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if lines := r.logLines(); len(lines) != 1 || lines[0]["transition"] != string(transitionType) {
		t.Errorf("log lines %v", lines)
	}
	if diff := cmp.Diff(map[string]float64{kind + " " + string(transitionType): 1}, r.countedTransitions()); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

// A line has the fields that its transition has, and no empty ones.
func TestLogFields(t *testing.T) {
	workload := v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: "run-1-0a", UID: "job-uid"}
	r := newReports(t)
	r.ofExecution(transition.Transition{Type: transition.Started, Message: "Runs web-1."})
	r.ofExecution(transition.Transition{
		Type: transition.StopWaiting, Message: "s/a: NoPod: m", Stage: "s", Action: "a", Workload: workload, Mode: v1alpha1.StopModeWait,
	})
	r.ofRequest("run-1", transition.Transition{Type: transition.Rejected, Message: "no", Verdict: v1alpha1.ReasonNotStoppable})
	r.ofRequest("", transition.Transition{Type: transition.Rejected, Message: "no", Verdict: v1alpha1.ReasonPipelineNotFound})
	want := []map[string]any{
		{"pipelineExecutionId": executionUID, "execution": "run-1", "transition": "Started", "message": "Runs web-1."},
		{
			"pipelineExecutionId": executionUID, "execution": "run-1", "transition": "StopWaiting", "message": "s/a: NoPod: m",
			"stage": "s", "action": "a", "workload": "run-1-0a", "mode": "Wait",
		},
		{
			"pipelineExecutionId": executionUID, "execution": "run-1", "stopRequest": "halt", "transition": "Rejected", "message": "no",
			"mode": "Abandon", "verdict": v1alpha1.ReasonNotStoppable,
		},
		{
			"pipelineExecutionId": executionUID, "stopRequest": "halt", "transition": "Rejected", "message": "no",
			"mode": "Abandon", "verdict": v1alpha1.ReasonPipelineNotFound,
		},
	}
	if diff := cmp.Diff(want, r.logLines()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// An event about an action names its workload: two events of one reason and one object are taken for one.
func TestEventsNameTheirWorkload(t *testing.T) {
	r := newReports(t)
	r.ofExecution(transition.Transition{Type: transition.ActionFailed, Message: "m", Workload: v1alpha1.WorkloadReference{
		APIVersion: "example.com/v1", Kind: "Other", Name: "w", UID: "u",
	}})
	want := &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "example.com/v1", Kind: "Other"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "w", UID: "u"},
	}
	if diff := cmp.Diff(want, r.events[0].Related); diff != "" {
		t.Errorf("related object (-want +got):\n%s", diff)
	}
}

// longTexts are texts that the actions, users and requests of a pipeline can bring about.
var longTexts = map[string]string{
	"letters":               strings.Repeat("x", 5000),
	"three bytes each":      strings.Repeat("停", 2000),
	"four bytes each":       strings.Repeat("🛑", 2000),
	"an offset of a byte":   "x" + strings.Repeat("🛑", 2000),
	"just too long":         strings.Repeat("x", 1025),
	"characters that fit":   strings.Repeat("é", 700),
	"a verb of a format":    "100%s %d " + strings.Repeat("%", 3000),
	"nothing to cut at all": "short",
}

// The API server refuses an event whose note is longer than 1024 bytes, and nobody would see it.
func TestEventNotesFitTheAPIServer(t *testing.T) {
	const maxNote = 1024
	for name, long := range longTexts {
		t.Run(name, func(t *testing.T) {
			for transitionType := range executionEvents {
				r := newReports(t)
				r.ofExecution(transition.Transition{Type: transitionType, Message: long})
				for _, event := range r.events {
					if len(event.Note) > maxNote || !utf8.ValidString(event.Note) || event.Note != text.BoundNote(long) {
						t.Errorf("%s: a note of %d bytes, valid: %v: %.60q", event.Reason, len(event.Note), utf8.ValidString(event.Note), event.Note)
					}
				}
				for _, line := range r.logLines() {
					if message, _ := line["message"].(string); message != text.BoundMessage(long) {
						t.Errorf("%s: a line of %d bytes", transitionType, len(message))
					}
				}
			}
		})
	}
}

// A person who follows the events of an execution of one action sees two of a stop that waits, Stopping and Stopped, and of one that
// abandons its end.
func TestEventsOfAStop(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		t.Run(fmt.Sprintf("abandon %v", abandon), func(t *testing.T) {
			cluster := newCluster(t, makePipelineOf("a"), makeExecution())
			op := cluster.newOperator("op")
			cluster.must(op.settle())
			cluster.createStopRequest("r", abandon)
			cluster.must(op.settle())
			if !abandon {
				cluster.finishJob("a", batchv1.JobComplete)
				cluster.must(op.settle())
			}
			checkStopped(t, cluster, 1)
			want := []string{"Normal Started", "Normal Stopping", "Normal Stopped"}
			if abandon {
				want = []string{"Normal Started", "Normal Stopped"}
			}
			checkEvents(t, op, want...)
		})
	}
}

// A stop that is fenced is not published before, and has just its end.
func TestAFencedStopMakesOneEvent(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.before = refuseJobs("a")
	cluster.must(ignoreQuota(op.settle()))
	cluster.createStopRequest("r", false)
	cluster.must(ignoreQuota(op.settle()))
	checkStopped(t, cluster, 1)
	checkEvents(t, op, "Normal Started", "Warning StartBlocked", "Normal Stopped")
}

// A grace period that is used as it should be is no warning, however long it is.
func TestAGracePeriodIsNoWarning(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	// The fake API server sets the time of a deletion from the clock of this machine.
	cluster.clock.SetTime(time.Now().Add(-time.Hour))
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	pod := &corev1.Pod{}
	key := client.ObjectKey{Namespace: "team", Name: cluster.findJob("a").Name + "-pod"}
	cluster.must(cluster.raw.Get(t.Context(), key, pod))
	pod.Finalizers = []string{batchv1.JobTrackingFinalizer}
	cluster.must(cluster.raw.Update(t.Context(), pod))
	cluster.createStopRequest("r", true)
	cluster.must(op.settle())

	cluster.must(cluster.raw.Get(t.Context(), key, pod))
	cluster.clock.SetTime(pod.DeletionTimestamp.Add(-time.Second))
	cluster.must(op.settle())
	if waits := cluster.getExecution().Status.Stop.WaitingFor; len(waits) != 1 || waits[0].Reason != v1alpha1.ReasonInGracePeriod {
		t.Errorf("it waits for %+v", waits)
	}
	cluster.must(cluster.raw.Get(t.Context(), key, pod))
	pod.Finalizers = nil
	cluster.must(cluster.raw.Update(t.Context(), pod))
	cluster.must(op.settle())
	checkStopped(t, cluster, 1)
	checkEvents(t, op, "Normal Started", "Normal StopInGracePeriod", "Normal Stopped")
}

func checkEvents(t *testing.T, op *operator, want ...string) {
	t.Helper()
	var got []string
	for _, event := range op.recordedEvents() {
		got = append(got, strings.Join(strings.Fields(event)[:2], " "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	testclock "k8s.io/utils/clock/testing"

	"haltline.dev/haltline/api/v1alpha1"
)

// fakeInformer hands the events of executions to its listener.
type fakeInformer struct {
	listener toolscache.ResourceEventHandler
	synced   bool
	err      error
}

func (i *fakeInformer) AddEventHandler(l toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	i.listener = l
	return fakeRegistration{nil, i}, i.err
}

// fakeRegistration has synced when its informer has.
type fakeRegistration struct {
	toolscache.ResourceEventHandlerRegistration
	informer *fakeInformer
}

func (r fakeRegistration) HasSynced() bool { return r.informer.synced }

// follow returns a collector and the informer that it follows.
func follow(t *testing.T) (*Collector, *fakeInformer) {
	t.Helper()
	collector, informer := NewCollector(testclock.NewFakePassiveClock(now)), &fakeInformer{}
	if err := collector.Follow(informer); err != nil {
		t.Fatal(err)
	}
	return collector, informer
}

// list shows the informer what there is at the start.
func (i *fakeInformer) list(executions ...v1alpha1.PipelineExecution) {
	for n := range executions {
		executions[n].UID = types.UID(strconv.Itoa(n))
		i.listener.OnAdd(&executions[n], true)
	}
	i.synced = true
}

func formatNumber(n float64) string {
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func TestCollector(t *testing.T) {
	const second = time.Second
	tests := []struct {
		name       string
		executions []v1alpha1.PipelineExecution
		counts     map[string]string
		age        string
	}{
		{"no execution", nil, nil, "0"},
		{
			"one that the operator has not looked at is in progress",
			[]v1alpha1.PipelineExecution{makeExecution(""), makeExecution(v1alpha1.ExecutionInProgress)}, map[string]string{"InProgress": "2"}, "0",
		},
		{
			"one of each state", []v1alpha1.PipelineExecution{
				makeExecution(v1alpha1.ExecutionInProgress), makeExecution(v1alpha1.ExecutionStopping, ago(7*second)), makeExecution(v1alpha1.ExecutionStopped, ago(60*second)),
				makeExecution(v1alpha1.ExecutionSucceeded), makeExecution(v1alpha1.ExecutionFailed),
			},
			map[string]string{"InProgress": "1", "Stopping": "1", "Stopped": "1", "Succeeded": "1", "Failed": "1"}, "7",
		},
		{
			"the oldest stop, by its first request",
			[]v1alpha1.PipelineExecution{
				makeExecution(v1alpha1.ExecutionStopping, ago(5*second)), makeExecution(v1alpha1.ExecutionStopping, ago(90*second), ago(second)),
				makeExecution(v1alpha1.ExecutionStopping, ago(80*second)),
			},
			map[string]string{"Stopping": "3"}, "90",
		},
		{
			"a stop that is not published waits too", []v1alpha1.PipelineExecution{makeExecution(v1alpha1.ExecutionInProgress, ago(3*second))},
			map[string]string{"InProgress": "1"}, "3",
		},
		{
			"what has ended waits for nothing", []v1alpha1.PipelineExecution{
				makeExecution(v1alpha1.ExecutionStopped, ago(3*second)), makeExecution(v1alpha1.ExecutionFailed, ago(3*second)),
				makeExecution(v1alpha1.ExecutionSucceeded, ago(3*second)),
			},
			map[string]string{"Stopped": "1", "Failed": "1", "Succeeded": "1"}, "0",
		},
		{
			"a stop without requests", []v1alpha1.PipelineExecution{{Status: v1alpha1.PipelineExecutionStatus{
				State: v1alpha1.ExecutionStopping, Stop: &v1alpha1.StopStatus{Mode: wait},
			}}}, map[string]string{"Stopping": "1"}, "0",
		},
		{
			"a clock that went back", []v1alpha1.PipelineExecution{makeExecution(v1alpha1.ExecutionStopping, ago(-60*second))},
			map[string]string{"Stopping": "1"}, "0",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			collector, informer := follow(t)
			informer.list(tt.executions...)
			registry := prometheus.NewPedanticRegistry()
			registry.MustRegister(collector)
			want := map[string]string{"haltline_oldest_stop_age_seconds{}": tt.age, "haltline_oldest_stop_request_age_seconds{}": "0"}
			for _, state := range v1alpha1.ExecutionStates() {
				want["haltline_executions{state="+string(state)+"}"] = "0"
			}
			for state, n := range tt.counts {
				want["haltline_executions{state="+state+"}"] = n
			}
			if diff := gocmp.Diff(want, gather(t, registry)); diff != "" {
				t.Errorf("gauges (-want +got):\n%s", diff)
			}
		})
	}
}

// A scrape before the executions were read fails, and does not read as if there were none.
func TestCollectorBeforeTheCacheHasSynced(t *testing.T) {
	followed, informer := follow(t)
	for name, collector := range map[string]*Collector{"not synced": followed, "follows nothing": NewCollector(testclock.NewFakePassiveClock(now))} {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(collector)
		families, err := registry.Gather()
		if err == nil || !strings.Contains(err.Error(), errNotSynced.Error()) {
			t.Errorf("%s: error %v", name, err)
		}
		if len(families) != 0 {
			t.Errorf("%s: it reads %v", name, families)
		}
	}
	informer.err = errors.New("the informer has ended")
	if err := followed.Follow(informer); !errors.Is(err, informer.err) {
		t.Errorf("error %v", err)
	}
}

// The numbers follow every kind of event, and what the events say of an object is not changed: the cache shares it.
func TestCollectorFollowsTheEvents(t *testing.T) {
	running, stopping, stopped := makeExecution(v1alpha1.ExecutionInProgress), makeExecution(v1alpha1.ExecutionStopping, ago(time.Minute)),
		makeExecution(v1alpha1.ExecutionStopped, ago(time.Minute))
	before := []*v1alpha1.PipelineExecution{running.DeepCopy(), stopping.DeepCopy(), stopped.DeepCopy()}
	collector, informer := follow(t)
	informer.synced = true
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector)
	for _, step := range []struct {
		name   string
		act    func(toolscache.ResourceEventHandler)
		counts map[v1alpha1.ExecutionState]string
		age    string
	}{
		{"it is created", func(l toolscache.ResourceEventHandler) { l.OnAdd(&running, false) }, map[v1alpha1.ExecutionState]string{"InProgress": "1"}, "0"},
		{"it is stopped", func(l toolscache.ResourceEventHandler) { l.OnUpdate(&running, &stopping) }, map[v1alpha1.ExecutionState]string{"Stopping": "1"}, "60"},
		{"it has ended", func(l toolscache.ResourceEventHandler) { l.OnUpdate(&stopping, &stopped) }, map[v1alpha1.ExecutionState]string{"Stopped": "1"}, "0"},
		{"it is deleted", func(l toolscache.ResourceEventHandler) { l.OnDelete(&stopped) }, nil, "0"},
		{"another is created", func(l toolscache.ResourceEventHandler) { l.OnAdd(&stopping, false) }, map[v1alpha1.ExecutionState]string{"Stopping": "1"}, "60"},
		{"it is found to be gone", func(l toolscache.ResourceEventHandler) {
			l.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "k", Obj: &stopping})
		}, nil, "0"},
	} {
		step.act(informer.listener)
		want := map[string]string{"haltline_oldest_stop_age_seconds{}": step.age, "haltline_oldest_stop_request_age_seconds{}": "0"}
		for _, state := range v1alpha1.ExecutionStates() {
			want["haltline_executions{state="+string(state)+"}"] = cmp.Or(step.counts[state], "0")
		}
		if diff := gocmp.Diff(want, gather(t, registry)); diff != "" {
			t.Errorf("%s: gauges (-want +got):\n%s", step.name, diff)
		}
	}
	if diff := gocmp.Diff(before, []*v1alpha1.PipelineExecution{&running, &stopping, &stopped}); diff != "" {
		t.Errorf("the executions were changed (-before +after):\n%s", diff)
	}
}

// makeRequest returns a stop request that was created some time ago and has conditions that are True.
func makeRequest(uid types.UID, age time.Duration, conditions ...string) *v1alpha1.StopRequest {
	sr := &v1alpha1.StopRequest{ObjectMeta: metav1.ObjectMeta{UID: uid, CreationTimestamp: *ago(age)}}
	for _, c := range conditions {
		sr.Status.Conditions = append(sr.Status.Conditions, metav1.Condition{Type: c, Status: metav1.ConditionTrue})
	}
	return sr
}

// A request waits from its creation to its verdict, also while the operator has written why it has none yet.
func TestCollectorOfStopRequests(t *testing.T) {
	const old, young = "old", "young"
	collector, informer := follow(t)
	informer.synced = true
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector)
	waiting, accepted := makeRequest(old, time.Minute), makeRequest(old, time.Minute, v1alpha1.ConditionAccepted)
	rejected := makeRequest(young, time.Second)
	rejected.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse}}
	for _, step := range []struct {
		name string
		act  func(toolscache.ResourceEventHandler)
		age  string
	}{
		{"it is created", func(l toolscache.ResourceEventHandler) { l.OnAdd(waiting, false) }, "60"},
		{"another is created", func(l toolscache.ResourceEventHandler) { l.OnAdd(makeRequest(young, time.Second), false) }, "60"},
		{"it is fenced", func(l toolscache.ResourceEventHandler) {
			l.OnUpdate(waiting, makeRequest(old, time.Minute, v1alpha1.ConditionReconciling))
		}, "60"},
		{"it is accepted", func(l toolscache.ResourceEventHandler) { l.OnUpdate(waiting, accepted) }, "1"},
		{"the other is rejected", func(l toolscache.ResourceEventHandler) { l.OnUpdate(makeRequest(young, time.Second), rejected) }, "0"},
		{"what the cache keeps of one that has finished", func(l toolscache.ResourceEventHandler) {
			l.OnAdd(makeRequest("finished", time.Hour, v1alpha1.ConditionFinished), true)
		}, "0"},
		{"a third is created", func(l toolscache.ResourceEventHandler) { l.OnAdd(makeRequest("third", time.Hour), false) }, "3600"},
		{"it is deleted without a verdict", func(l toolscache.ResourceEventHandler) {
			l.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "k", Obj: makeRequest("third", time.Hour)})
		}, "0"},
		{"one from a clock that is ahead", func(l toolscache.ResourceEventHandler) { l.OnAdd(makeRequest("ahead", -time.Hour), false) }, "0"},
	} {
		step.act(informer.listener)
		if age := gather(t, registry)["haltline_oldest_stop_request_age_seconds{}"]; age != step.age {
			t.Errorf("%s: the age is %q, want %q", step.name, age, step.age)
		}
	}
}

// A scrape fails as long as one of the kinds was not read.
func TestCollectorWaitsForAllThatItFollows(t *testing.T) {
	collector, first := follow(t)
	second := &fakeInformer{}
	if err := collector.Follow(second); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector)
	for _, synced := range [][]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		first.synced, second.synced = synced[0], synced[1]
		if _, err := registry.Gather(); (err == nil) != (synced[0] && synced[1]) {
			t.Errorf("synced %v: error %v", synced, err)
		}
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
)

// logBuilder writes an audit log and what a watch saw by hand.
type logBuilder struct {
	t     *testing.T
	log   auditLog
	watch watchRecorder
}

func newLogBuilder(t *testing.T) *logBuilder {
	return &logBuilder{t: t, log: auditLog{unanswered: map[string]*entry{}}, watch: watchRecorder{gone: map[types.UID]span{}}}
}

func newVersionOfExecution(version int, state v1alpha1.ExecutionState) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "e", UID: "uid-e", ResourceVersion: strconv.Itoa(version)},
		Status:     v1alpha1.PipelineExecutionStatus{State: state},
	}
}

// request adds an answered request about the execution at a second; sent is the body, stored the object in the answer if any.
func (b *logBuilder) request(user, verb string, second int64, sent string, stored *v1alpha1.PipelineExecution) *entry {
	e := &entry{
		AuditID: strconv.Itoa(len(b.log.answered)), Stage: "ResponseComplete", Verb: verb, UserAgent: user + "/1",
		RequestObject: []byte(sent), RequestReceivedTimestamp: time.Unix(second, 0), StageTimestamp: time.Unix(second, 0),
	}
	e.User.Username = user
	e.ObjectRef.Resource, e.ObjectRef.Namespace, e.ObjectRef.Name = "pipelineexecutions", "n", "e"
	e.ResponseStatus.Code = 409
	if stored != nil {
		raw, err := json.Marshal(stored)
		if err != nil {
			b.t.Fatal(err)
		}
		e.ResponseObject, e.ResponseStatus.Code = raw, 200
	}
	b.log.answered = append(b.log.answered, e)
	return e
}

func (b *logBuilder) see(o *v1alpha1.PipelineExecution) {
	b.watch.seen = append(b.watch.seen, seenVersion{o, time.Unix(0, 0)})
}

const versionGuard = `{"metadata":{"resourceVersion":"1"}}`

func TestHistoryJoinsTheAuditLogAndTheWatch(t *testing.T) {
	b := newLogBuilder(t)
	b.request("ada", "create", 1, "{}", newVersionOfExecution(10, ""))
	b.see(newVersionOfExecution(10, ""))
	b.see(newVersionOfExecution(12, v1alpha1.ExecutionInProgress))
	b.request(operatorUser, "update", 3, versionGuard, newVersionOfExecution(14, v1alpha1.ExecutionStopping))
	b.request("ada", "delete", 4, "{}", newVersionOfExecution(14, v1alpha1.ExecutionStopping))
	b.watch.gone["uid-e"] = span{15, 20}
	h := newHistory("n", &b.log, &b.watch)
	var positions []uint64
	var writers []invariants.Writer
	for _, c := range h.Changes {
		positions, writers = append(positions, c.Position), append(writers, c.Writer)
	}
	if want := []uint64{10, 12, 14, 20}; !slices.Equal(positions, want) {
		t.Errorf("the changes are at %v, want %v", positions, want)
	}
	if want := []invariants.Writer{
		invariants.WriterOther, invariants.WriterUnknown, invariants.WriterOperator, invariants.WriterOther,
	}; !slices.Equal(writers, want) {
		t.Errorf("the writers are %v, want %v", writers, want)
	}
	l := h.Execution("uid-e")
	if l == nil || l.Removal == nil || l.Removal.After != 15 || !l.Removal.Time.Equal(time.Unix(4, 0)) {
		t.Errorf("the life is %+v", l)
	}
}

func TestHistoryHasTheGuardsOfTheOperatorsRequests(t *testing.T) {
	b := newLogBuilder(t)
	b.request("ada", "update", 1, "{}", nil)
	b.request(operatorUser, "update", 2, versionGuard, nil)
	b.request(operatorUser, "patch", 3, `{"metadata":{"uid":"u"},"spec":{}}`, nil)
	b.request(operatorUser, "patch", 3, `{"metadata":{"uid":"u"}}`, nil)
	b.request(operatorUser, "patch", 3, `[{"op":"test","path":"/metadata/uid","value":"u"},{"op":"test","path":"/spec"}]`, nil)
	b.request(operatorUser, "patch", 3, `[{"op":"test","path":"/metadata/uid","value":"u"},{"op":"add","path":"/spec"}]`, nil)
	b.request(operatorUser, "delete", 4, `{"preconditions":{"uid":"u"}}`, nil)
	b.request(operatorUser, "patch", 5, "", nil)
	b.request(operatorUser, "create", 6, "{}", nil).RequestURI = "/apis?dryRun=All"
	h := newHistory("n", &b.log, &b.watch)
	want := []*invariants.Guard{{UID: true, State: true}, {UID: true}, {UID: true, State: true}, {UID: true, State: true}, {UID: true}, {UID: true}, nil}
	if len(h.Requests) != len(want) {
		t.Fatalf("%d requests, want %d", len(h.Requests), len(want))
	}
	for i, r := range h.Requests {
		if (r.Guard == nil) != (want[i] == nil) || r.Guard != nil && *r.Guard != *want[i] {
			t.Errorf("the guard of %s is %+v, want %+v", r.Text, r.Guard, want[i])
		}
	}
	h.setRest(time.Unix(3, 0))
	if h.Rest.Requests != 5 {
		t.Errorf("%d requests were made before the rest", h.Rest.Requests)
	}
}

func TestHistoryHasTheLostWrites(t *testing.T) {
	b := newLogBuilder(t)
	e := b.request(operatorUser, "update", 1, versionGuard, nil)
	b.log.answered, b.log.unanswered["x"] = nil, e
	h := newHistory("n", &b.log, &b.watch)
	if len(h.Lost) != 1 || h.Lost[0].Kind != simcluster.Execution || h.Lost[0].Key.Name != "e" {
		t.Errorf("lost are %+v", h.Lost)
	}
}

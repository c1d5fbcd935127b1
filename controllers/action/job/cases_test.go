// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/controllers/plan"
)

// operationCase is one operation: what there is, what is to be observed, and what may be called.
type operationCase struct {
	name string
	job  *batchv1.Job
	pods []*corev1.Pod
	// deleted is set if the execution is being deleted.
	deleted bool
	// failAlways and failFirst are as in fakeCluster.
	failAlways map[string]error
	failFirst  map[string][]error
	want       plan.Observation
	// messageParts are parts of the message, if want has none; errorPart is a part of the error.
	messageParts []string
	errorPart    string
	calls        []string
	// created and suspended are what must be there in the end that was not there before; nothing else may have changed.
	created, suspended bool
	// specs are what the patches ask of the spec, as JSON.
	specs []string
}

func (tt *operationCase) check(t *testing.T, op plan.Operation) {
	t.Helper()
	cluster := newCluster(t, tt.job)
	for _, p := range tt.pods {
		cluster.add(p)
	}
	maps.Copy(cluster.failAlways, tt.failAlways)
	maps.Copy(cluster.failFirst, tt.failFirst)
	scope := makeScope()
	if tt.deleted {
		scope.Execution.DeletionTimestamp = ptr.To(at(0))
	}
	o, err := cluster.execute(scope, op)
	if (err != nil) != (tt.errorPart != "") || (err != nil && !strings.Contains(err.Error(), tt.errorPart)) {
		t.Errorf("error %v, want one about %q", err, tt.errorPart)
	}
	for _, part := range tt.messageParts {
		if !strings.Contains(o.Message, part) {
			t.Errorf("message %q does not have %q", o.Message, part)
		}
	}
	if len(tt.messageParts) > 0 {
		o.Message = ""
	}
	if diff := cmp.Diff(tt.want, o); diff != "" {
		t.Errorf("observation (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tt.calls, cluster.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if tt.created || tt.suspended {
		cluster.checkJob(tt.created, op)
	} else {
		cluster.checkUntouched()
	}
	if (cluster.job() != nil) != (tt.job != nil || tt.created) {
		t.Errorf("in the end the Job is %+v", cluster.job())
	}
	if op.Type == plan.OperationTerminate {
		if diff := cmp.Diff(tt.specs, cluster.patchedSpecs()); diff != "" {
			t.Errorf("patches (-want +got):\n%s", diff)
		}
	}
}

// An operation that nobody knows must not look like success.
func TestNoSuchOperation(t *testing.T) {
	cluster := newCluster(t)
	if o, err := cluster.execute(makeScope(), makeUnconfirmed(99)); err == nil || o.Phase != 0 || cluster.calls != nil {
		t.Errorf("got %+v, %v, calls %v", o, err, cluster.calls)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

const (
	executionUID = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"
	jobName      = "run-1-b466b8b8c9eac8352446"
)

const jobUID = "job-1"

// at returns a time that many seconds after a fixed one.
func at(seconds int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC))
}

// makeScope returns an execution with the variables that it sets.
func makeScope(variables ...v1alpha1.Variable) action.Scope {
	return action.Scope{
		Execution: &v1alpha1.PipelineExecution{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "run-1", UID: executionUID},
			Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "deploy@prod"},
		},
		Variables: variables,
	}
}

// makeStart returns the operation that starts an action whose job.spec is that JSON.
func makeStart(spec string) plan.Operation {
	return plan.Operation{
		Type: plan.OperationStart, Key: plan.ActionKey{Stage: "build", Action: "compile"},
		Workload:   v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: jobName},
		Definition: v1alpha1.Action{Name: "compile", Job: &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: []byte(spec)}}},
	}
}

// makeConfirmed returns an operation on an action whose Job was created.
func makeConfirmed(operation plan.OperationType) plan.Operation {
	op := makeStart(minimalSpec)
	op.Type, op.Workload.UID = operation, jobUID
	return op
}

// makeUnconfirmed returns an operation on an action of which it is not known whether it started.
func makeUnconfirmed(operation plan.OperationType) plan.Operation {
	op := makeStart(minimalSpec)
	op.Type = operation
	return op
}

const minimalSpec = `{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"main","image":"busybox"}]}}}`

func mustBuild(t *testing.T, scope action.Scope, op plan.Operation) *batchv1.Job {
	t.Helper()
	job, err := buildJob(scope, op)
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	return job
}

func parseEnv(pairs ...string) []corev1.EnvVar {
	var vars []corev1.EnvVar
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		vars = append(vars, corev1.EnvVar{Name: name, Value: value})
	}
	return vars
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	pipelineName = "deploy@prod"
	executionID  = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"

	wait    = v1alpha1.StopModeWait
	abandon = v1alpha1.StopModeAbandon
)

// at returns a time that many seconds after a fixed one.
func at(seconds int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC))
}

// makeRequest returns a new request to stop the execution.
func makeRequest(name string, mode v1alpha1.StopMode, created int) v1alpha1.StopRequest {
	return v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team", Name: name, UID: types.UID("uid-of-" + name), Generation: 1, CreationTimestamp: at(created),
		},
		Spec: v1alpha1.StopRequestSpec{
			PipelineName: pipelineName, PipelineExecutionID: executionID, Abandon: mode == abandon, Reason: "because of " + name,
		},
		Status: v1alpha1.StopRequestStatus{ObservedGeneration: -1},
	}
}

// makeAccepted returns what an execution records of a request.
func makeAccepted(name string, mode v1alpha1.StopMode) v1alpha1.AcceptedStopRequest {
	return v1alpha1.AcceptedStopRequest{
		UID: "uid-of-" + name, Name: name, Mode: mode, Reason: "because of " + name, AcceptedTime: at(0),
	}
}

// makeStop returns the stop that the accepted requests make, or nil if there are none.
func makeStop(requests ...v1alpha1.AcceptedStopRequest) *v1alpha1.StopStatus {
	if len(requests) == 0 {
		return nil
	}
	return &v1alpha1.StopStatus{Mode: requests[len(requests)-1].Mode, Requests: requests}
}

func withUID(sr v1alpha1.StopRequest, uid types.UID) v1alpha1.StopRequest {
	sr.UID = uid
	return sr
}

func makeExecution(state v1alpha1.ExecutionState, s *v1alpha1.StopStatus) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "run-1", UID: executionID},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: pipelineName},
		Status:     v1alpha1.PipelineExecutionStatus{State: state, Stop: s},
	}
}

// acceptedNames returns the names of the requests that a stop has accepted, in their order.
func acceptedNames(s *v1alpha1.StopStatus) []string {
	var n []string
	if s != nil {
		for _, sr := range s.Requests {
			n = append(n, sr.Name)
		}
	}
	return n
}

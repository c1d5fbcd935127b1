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
	thePipeline  = "deploy@prod"
	theExecution = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"

	wait    = v1alpha1.StopModeWait
	abandon = v1alpha1.StopModeAbandon
)

// at returns a time that many seconds after a fixed one.
func at(seconds int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC))
}

// request returns a new request to stop the execution.
func request(name string, mode v1alpha1.StopMode, created int) v1alpha1.StopRequest {
	return v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team", Name: name, UID: types.UID("uid-of-" + name), Generation: 1, CreationTimestamp: at(created),
		},
		Spec: v1alpha1.StopRequestSpec{
			PipelineName: thePipeline, PipelineExecutionID: theExecution, Abandon: mode == abandon, Reason: "because of " + name,
		},
		Status: v1alpha1.StopRequestStatus{ObservedGeneration: -1},
	}
}

// accepted is what an execution records of a request.
func accepted(name string, mode v1alpha1.StopMode) v1alpha1.AcceptedStopRequest {
	return v1alpha1.AcceptedStopRequest{
		UID: "uid-of-" + name, Name: name, Mode: mode, Reason: "because of " + name, AcceptedTime: at(0),
	}
}

// inForceOf returns the stop that the accepted requests make; nil where there are none.
func inForceOf(requests ...v1alpha1.AcceptedStopRequest) *v1alpha1.StopStatus {
	if len(requests) == 0 {
		return nil
	}
	return &v1alpha1.StopStatus{Mode: requests[len(requests)-1].Mode, Requests: requests}
}

func execution(state v1alpha1.ExecutionState, s *v1alpha1.StopStatus) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "run-1", UID: theExecution},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: thePipeline},
		Status:     v1alpha1.PipelineExecutionStatus{State: state, Stop: s},
	}
}

// names are the names of the requests that a stop has accepted, in their order.
func names(s *v1alpha1.StopStatus) []string {
	var n []string
	if s != nil {
		for _, r := range s.Requests {
			n = append(n, r.Name)
		}
	}
	return n
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// stopAsk is a stop request that is made some time after the one before it.
type stopAsk struct {
	low, high time.Duration
	// when is the moment that it waits for, if that comes; nil if it waits for none.
	when    moment
	abandon bool
	// escalate is escalateAfterSeconds.
	escalate int64
	// pipeline and id are what the request names; those of the execution if they are empty.
	pipeline, id string
}

// stopScript is the stop requests for one execution.
type stopScript []stopAsk

// No execution has this id, and no Pipeline this name.
const (
	unknownID       = "00000000-0000-4000-8000-000000000000"
	unknownPipeline = "nobody-has-this-name"
)

var (
	askSoon  = stopAsk{low: 0, high: 300 * time.Millisecond}
	askEarly = stopAsk{high: 1500 * time.Millisecond, when: isAtWork}
	askLater = stopAsk{low: 0, high: 4 * time.Second}
	askNow   = stopAsk{}
	// askAtWork comes as soon as there is work that can be stopped.
	askAtWork = stopAsk{when: isAtWork}
	// askBeforeStage and askAtApproval come as soon as the execution waits without work.
	askBeforeStage = stopAsk{when: isWaitingBeforeStage}
	askAtApproval  = stopAsk{when: isWaitingForApproval}
)

func (a stopAsk) withAbandon() stopAsk { a.abandon = true; return a }

func (a stopAsk) withEscalation(seconds int64) stopAsk { a.escalate = seconds; return a }

func (a stopAsk) withTarget(pipeline, id string) stopAsk { a.pipeline, a.id = pipeline, id; return a }

var stopScripts = []stopScript{
	{},
	{},
	{askLater},
	{askLater},
	{askSoon},
	{askNow},
	{askEarly},
	{askEarly},
	{askEarly.withAbandon()},
	{askEarly, askSoon.withAbandon()},
	{askLater.withAbandon()},
	{askSoon.withAbandon()},
	{askLater, askLater},
	{askLater, askNow, askNow},
	{askLater, askLater.withAbandon()},
	{askLater, askSoon.withAbandon()},
	{askLater, askNow.withAbandon()},
	{askNow, askNow.withAbandon(), askNow},
	{askLater.withAbandon(), askSoon},
	{askLater.withAbandon(), askNow.withAbandon()},
	{askLater, askSoon.withAbandon(), askSoon, askSoon.withAbandon()},
	{askLater.withEscalation(1)},
	{askLater.withEscalation(1), askLater.withAbandon()},
	{askLater.withEscalation(2), askSoon},
	{askNow.withTarget("", unknownID), askLater.withTarget(unknownPipeline, ""), askLater.withTarget(unknownPipeline, unknownID), askLater},
	{askLater, stopAsk{low: 6 * time.Second, high: 8 * time.Second}, askNow.withAbandon()},
}

// newStopRequest returns a stop request for an execution.
func (a stopAsk) newStopRequest(e *v1alpha1.PipelineExecution) *v1alpha1.StopRequest {
	sr := &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace},
		Spec: v1alpha1.StopRequestSpec{
			PipelineName: e.Spec.PipelineName, PipelineExecutionID: string(e.UID), Abandon: a.abandon, Reason: "chaos",
		},
	}
	if a.pipeline != "" {
		sr.Spec.PipelineName = a.pipeline
	}
	if a.id != "" {
		sr.Spec.PipelineExecutionID = a.id
	}
	if a.escalate != 0 {
		sr.Spec.EscalateAfterSeconds = ptr.To(a.escalate)
	}
	return sr
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// ask is a stop request, made some time after the one before it.
type ask struct {
	low, high time.Duration
	// atWork has it made, if possible, when an action is in progress.
	atWork  bool
	abandon bool
	// escalate is escalateAfterSeconds.
	escalate int64
	// pipeline and id are those of the execution, unless they are set.
	pipeline, id string
}

// script is what is asked of one execution.
type script []ask

// unknown is the id of no execution, and the name of no Pipeline.
const (
	unknownID       = "00000000-0000-4000-8000-000000000000"
	unknownPipeline = "nobody-has-this-name"
)

var (
	soon  = ask{low: 0, high: 300 * time.Millisecond}
	early = ask{high: 1500 * time.Millisecond, atWork: true}
	later = ask{low: 0, high: 4 * time.Second}
	now   = ask{}
)

func (a ask) abandons() ask { a.abandon = true; return a }

func (a ask) escalates(seconds int64) ask { a.escalate = seconds; return a }

func (a ask) names(pipeline, id string) ask { a.pipeline, a.id = pipeline, id; return a }

var scripts = []script{
	{},
	{},
	{later},
	{later},
	{soon},
	{now},
	{early},
	{early},
	{early.abandons()},
	{early, soon.abandons()},
	{later.abandons()},
	{soon.abandons()},
	{later, later},
	{later, now, now},
	{later, later.abandons()},
	{later, soon.abandons()},
	{later, now.abandons()},
	{now, now.abandons(), now},
	{later.abandons(), soon},
	{later.abandons(), now.abandons()},
	{later, soon.abandons(), soon, soon.abandons()},
	{later.escalates(1)},
	{later.escalates(1), later.abandons()},
	{later.escalates(2), soon},
	{now.names("", unknownID), later.names(unknownPipeline, ""), later.names(unknownPipeline, unknownID), later},
	{later, ask{low: 6 * time.Second, high: 8 * time.Second}, now.abandons()},
}

// request is a stop request for an execution.
func (a ask) request(e *v1alpha1.PipelineExecution) *v1alpha1.StopRequest {
	r := &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace},
		Spec: v1alpha1.StopRequestSpec{
			PipelineName: e.Spec.PipelineName, PipelineExecutionID: string(e.UID), Abandon: a.abandon, Reason: "chaos",
		},
	}
	if a.pipeline != "" {
		r.Spec.PipelineName = a.pipeline
	}
	if a.id != "" {
		r.Spec.PipelineExecutionID = a.id
	}
	if a.escalate != 0 {
		r.Spec.EscalateAfterSeconds = ptr.To(a.escalate)
	}
	return r
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Labels and annotations that the operator sets on what it creates.
const (
	// LabelExecutionID is on every execution that was looked at, on its Jobs and on their pods. Its value is the
	// pipelineExecutionId, so that `kubectl logs -l pipelines.haltline.dev/execution-id=ID` finds them. An execution that has
	// the id of another is a copy that a restore made.
	LabelExecutionID = "pipelines.haltline.dev/execution-id"

	// AnnotationExecutionName is on every execution that was looked at. Its value is the name of the execution, so that a copy under
	// another name can tell what it was made from.
	AnnotationExecutionName = "pipelines.haltline.dev/execution-name"

	// AnnotationKeep on an execution keeps it from being deleted because of a history or a TTL, whatever its value is.
	AnnotationKeep = "pipelines.haltline.dev/keep"

	// LabelPipelineUID is on every ControllerRevision that pins a Pipeline. Its value is the Pipeline's metadata.uid.
	LabelPipelineUID = "pipelines.haltline.dev/pipeline-uid"

	// AnnotationUnusedSince is on a ControllerRevision that no execution uses: the time since when, as RFC 3339. It is
	// deleted some time after that.
	AnnotationUnusedSince = "pipelines.haltline.dev/unused-since"

	// LabelPlaceholder is on a Job that never runs: it is suspended and holds the name of an action's Job, so that an
	// operator that was paused cannot start the action after its execution was stopped. Its value is "true".
	LabelPlaceholder = "pipelines.haltline.dev/placeholder"

	// LabelStopped is on a Job that a stop ended. Its value is "true". A policy keeps others from resuming the Job.
	LabelStopped = "pipelines.haltline.dev/stopped"

	// LabelOrphaned is on a Job that was left running on purpose when its execution was abandoned
	// (onAbandon: Orphan). Its value is "true".
	LabelOrphaned = "pipelines.haltline.dev/orphaned"

	// LabelPipeline, LabelStage and LabelAction are on every Job of an execution and on that Job's pods, and LabelPipeline on
	// the execution as well. Their values are the names of its pipeline, stage and action, made fit for a label; the
	// annotations of these names have them as they are.
	LabelPipeline = "pipelines.haltline.dev/pipeline"
	LabelStage    = "pipelines.haltline.dev/stage"
	LabelAction   = "pipelines.haltline.dev/action"

	// AnnotationPipeline, AnnotationStage and AnnotationAction are on every Job of an execution and on that Job's pods: the
	// pipelineName, and the names of its stage and its action.
	AnnotationPipeline = "pipelines.haltline.dev/pipeline"
	AnnotationStage    = "pipelines.haltline.dev/stage"
	AnnotationAction   = "pipelines.haltline.dev/action"
)

// LabelBatch is on the StopRequests that one command made together, such as `kubectl haltline stop --all`. Its value is the same on all of them, so
// that who stopped what can be found later. The operator does not look at it.
const LabelBatch = "pipelines.haltline.dev/batch"

// Environment variables that every container of an action has, beside the variables of its execution.
// A container that defines one of these names itself keeps its own value.
const (
	// EnvPipelineName holds the pipelineName.
	EnvPipelineName = "HALTLINE_PIPELINE_NAME"
	// EnvPipelineExecutionID holds the pipelineExecutionId.
	EnvPipelineExecutionID = "HALTLINE_PIPELINE_EXECUTION_ID"
	// EnvStage holds the name of the stage.
	EnvStage = "HALTLINE_STAGE"
	// EnvAction holds the name of the action.
	EnvAction = "HALTLINE_ACTION"
)

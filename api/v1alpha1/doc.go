// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is the API of Haltline: pipelines, their executions, and requests to stop an execution by the
// rules of the StopPipelineExecution action of AWS CodePipeline.
//
// +kubebuilder:object:generate=true
// +groupName=pipelines.haltline.dev
package v1alpha1

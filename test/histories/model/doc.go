// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package model is a model of the contract of StopPipelineExecution, of what CodePipeline's user guide describes about a
// pipeline that nobody stops, and of what docs/retrying.md and docs/passing-data.md describe. It is written from those texts and
// imports nothing of the operator, so that it cannot repeat a mistake of it.
package model

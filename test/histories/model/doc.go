// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package model says what the contract of StopPipelineExecution says, and what CodePipeline's user guide says of a
// pipeline that nobody stops. It is written from those texts and imports nothing, so that it cannot repeat a mistake of the
// operator.
package model

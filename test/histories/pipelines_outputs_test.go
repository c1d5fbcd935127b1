// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"

	"pgregory.net/rapid"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// outputName is the output of each action that has one.
const outputName = "DIGEST"

// texts are what a container writes into its termination message. Most of them have the output.
var texts = []string{outputName + "=d1", "LINES=2\n" + outputName + "=first\n" + outputName + "=a=b", outputName + "=", outputName + "=d2", outputName + "S=1", outputName}

// putOut makes an action whose Job succeeds put something out, and returns what it writes. No other action has its place.
func putOut(t *rapid.T, name string, place int, options []builders.ActionOption) (v1alpha1.Action, string) {
	written := drawOne(t, "written", texts...)
	made := newAction(name, model.Succeeds, append(options, builders.PodAnnotation(simcluster.AnnotationWrites, written))...)
	made.Namespace, made.OutputVariables = fmt.Sprintf("OUT%d", place), []v1alpha1.OutputName{outputName}
	return made, written
}

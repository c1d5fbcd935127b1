// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// outputFaults break what actions pass on.
var outputFaults = []Fault{
	{
		Name:   "outputs-of-abandoned",
		Breaks: "An abandoned action has no outputs.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "readOutputs",
			Find:    `a.State != v1alpha1.ActionInProgress`,
			Replace: `hasEnded(a)`,
		}},
	},
	{
		Name:   "outputs-of-siblings",
		Breaks: "I4: the Job of an action has the outputs of actions that end while it is built again, so it is not believed.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "outputsBefore",
			Find:    `a.RunOrder >= runOrder`,
			Replace: `a.RunOrder > runOrder`,
		}},
	},
	{
		Name:   "missing-output-succeeds",
		Breaks: "A declared output that is missing fails the action.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "parseOutputs",
			Find:    `return nil, missingOutput(name, len(lines))`,
			Replace: `continue`,
		}},
	},
	{
		Name:   "outputs-unbounded",
		Breaks: "I9: the outputs of an execution are bounded.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "readOutputs",
			Find:    `left -= sizeOf(outputs)`,
			Replace: ``,
		}},
	},
	{
		Name:   "outputs-of-another-job",
		Breaks: "The outputs are those of a pod of an earlier Job of the name, which somebody deleted.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.addOutputs",
			Find:    `pod.Labels[batchv1.ControllerUidLabel] == o.UID`,
			Replace: `o.UID != ""`,
		}},
	},
	{
		Name:   "outputs-cost-everybody",
		Breaks: "Outputs cost nothing if none is declared.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.addOutputs",
			Find:    `len(op.Definition.OutputVariables) == 0`,
			Replace: `false`,
		}},
	},
	{
		Name:   "cut-message-believed",
		Breaks: "A termination message that may have been cut is not read.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "readWritten",
			Find:    `len(written) >= most`,
			Replace: `len(written) > most`,
		}},
	},
	{
		Name:   "tag-becomes-repository",
		Breaks: "A value stays in its part of an image reference.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "substituteImage",
			Find:    `hasTag(image) && !wholeTag.MatchString(tag)`,
			Replace: `false`,
		}},
	},
}

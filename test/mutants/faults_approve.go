// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// approveFaults break the rules of approvals.
var approveFaults = []Fault{
	{
		Name:   "approval-after-abandon",
		Breaks: "Contract: what a stop abandons is approved by a result that comes later.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "Next",
			Find: `
				abandonActions(&status, in.Definition, in.Now)
				recordApprovals(&status, in)`,
			Replace: `
				recordApprovals(&status, in)
				abandonActions(&status, in.Definition, in.Now)`,
		}},
	},
	{
		Name:   "second-result-overwrites",
		Breaks: "I1: a second result is accepted, and changes what the first one decided.",
		Edits: []Edit{{
			Package: "controllers/approve", Func: "applyRules",
			Find: `
				case a.Approval.Result != nil:
					return alreadyCompleted, a`,
			Replace: ``,
		}},
	},
	{
		Name:   "summary-kept-whole",
		Breaks: "The summaries of 50 decisions make an execution larger than it may be.",
		Edits:  []Edit{{Package: "controllers/approve", Func: "Accept", Find: `text.BoundSummary(ar.Spec.Summary)`, Replace: `text.Printable(ar.Spec.Summary)`}},
	},
	{
		Name:   "approval-timeout-ignored",
		Breaks: "An approval waits for ever, whatever its timeoutSeconds are.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "recordApprovals",
			Find:    `!in.Now.Before(&a.Approval.ExpirationTime)`,
			Replace: `a.Approval.ExpirationTime.IsZero()`,
		}},
	},
	{
		Name:   "starter-approves",
		Breaks: "The user who started the execution approves it, and forbidStarter is set.",
		Edits: []Edit{{
			Package: "controllers/approve", Func: "applyRules",
			Find:    `mayBeStarter(ar, startedBy)`,
			Replace: `startedBy == ""`,
		}},
	},
	{
		Name:   "early-result-decides-later",
		Breaks: "I1: a result that was rejected because the action had not started decides it when it waits.",
		Edits: []Edit{{
			Package: "controllers/approve", Func: "Accept",
			Find:    `ar.Status.SubmittedTime == nil`,
			Replace: `ar.UID == ""`,
		}},
	},
	{
		Name:   "late-result-taken",
		Breaks: "A result decides an approval whose time was up when it was created.",
		Edits: []Edit{{
			Package: "controllers/approve", Func: "applyRules",
			Find:    `!ar.CreationTimestamp.Before(&a.Approval.ExpirationTime)`,
			Replace: `ar.CreationTimestamp.IsZero() && a.Approval.ExpirationTime.IsZero()`,
		}},
	},
	{
		Name:   "approval-counts-as-unconfirmed",
		Breaks: "A stop of an execution that waits for approval is fenced, and never published.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "isUnconfirmed",
			Find:    `!isApproval(a)`,
			Replace: `true`,
		}},
	},
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// requesterFaults break who created an object, as the webhook writes it.
var requesterFaults = []Fault{
	{
		Name:   "webhook-renames",
		Breaks: "Whoever replaces an object by a manifest without a name becomes who created it.",
		Edits:  []Edit{{Package: "controllers/requester", Func: "nameToStamp", Find: `w.operation == admissionv1.Create`, Replace: `w.operation != ""`}},
	},
	{
		Name:   "webhook-overwrites",
		Breaks: "A restore that may keep the names of users loses them.",
		Edits:  []Edit{{Package: "controllers/requester", Func: "spec.isGiven", Find: "string(value) != `\"\"`", Replace: "string(value) == `\"\"`"}},
	},
	{
		Name:   "webhook-shows-control-characters",
		Breaks: "Whoever has a control character in their name cannot ask for a stop.",
		Edits: []Edit{{
			Package: "controllers/requester", Func: "shownName",
			Find:    `text.Printable(string(characters[:min(len(characters), maxName)]))`,
			Replace: `text.Printable("") + string(characters[:min(len(characters), maxName)])`,
		}},
	},
}

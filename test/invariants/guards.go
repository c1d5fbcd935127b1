// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import "haltline.dev/haltline/test/simcluster"

// deletable are the kinds of which the operator deletes objects: what has finished, "a revision that nothing uses, and the pods of an
// abandoned action whose Job somebody deleted, or whose grace period a stop shortens".
var deletable = map[simcluster.Kind]bool{
	simcluster.Execution: true, simcluster.StopRequest: true, simcluster.ApprovalResult: true, simcluster.Revision: true, simcluster.Pod: true,
}

// checkGuards is I10: "A delete carries a UID precondition; a write that decides tests what it was decided on." Every status decides,
// and so does every patch of a spec, such as one that suspends a Job.
func checkGuards(h *History, r *Result) {
	for _, request := range h.Requests {
		r.Checked++
		switch request.Verb {
		case "delete", "deletecollection":
			switch {
			case request.Guard == nil || !request.Guard.UID:
				r.violate(request.At+1, request.Execution, "a deletion could hit another object of that name: %s", request.Text)
			case !deletable[request.Kind]:
				r.violate(request.At+1, request.Execution, "the operator deletes: %s", request.Text)
			case isOurs(request.Kind) && !request.Guard.State:
				r.violate(request.At+1, request.Execution, "a deletion could hit what has changed: %s", request.Text)
			}
		case "update", "update-status", "patch", "patch-status":
			if request.Guard != nil && (!request.Guard.UID || !request.Guard.State) {
				r.violate(request.At+1, request.Execution, "a write overwrites what it has not seen: %s", request.Text)
			}
		}
	}
}

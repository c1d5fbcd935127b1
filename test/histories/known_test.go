// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

// Known departures from the model. Each is counted if everything that makes it holds, and is a finding otherwise.
const (
	// freedName: an operator was paused between its last live check and the creation of a Job. Meanwhile another operator created
	// that Job or its placeholder and accepted a stop, and somebody deleted what it created, which freed the name. The first operator wakes and creates the
	// Job, which runs. If the execution has ended by then, nobody ends the Job.
	freedName = "Jobs created by a paused operator under a name that was freed"
	// unrecordedPod: somebody deleted a Job before its uid was recorded, so nobody knows that it existed. Its pod may be left for
	// a moment when its execution ends, unless the execution is abandoned.
	unrecordedPod = "pods left of a Job that was deleted before it was recorded"
	// lateClaim: an operator was paused between its last live check and the creation of a claim. Meanwhile another operator recorded a stop, or
	// that claim, which somebody then deleted. Nothing mounts what the first operator creates, and it goes with the execution.
	lateClaim = "claims created by a paused operator"
	// namedTooLate: an operator was paused between its last live read of a retry and the write that names it, and the retry ended meanwhile
	// before it took over anything. Such a name does not keep the execution from being retried as long as that retry is there.
	namedTooLate = "retries that were named when they had ended"
)

// knownToInvariant are the known departures that an invariant finds too.
var knownToInvariant = map[string][]string{"I3": {freedName}, "I4": {freedName}, "I5": {unrecordedPod, freedName}, "I6": {freedName}}

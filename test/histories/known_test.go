// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

// Known departures from the model. Each is counted where all of what makes it holds, and a violation anywhere else.
const (
	// freedName: an operator was paused right before it created a Job, another created that Job and brought a stop on, and
	// somebody deleted the Job, which freed its name. The first wakes and creates the Job, which runs; where the execution has
	// ended by then, nobody ends it.
	freedName = "Jobs created by a paused operator under a name that was freed"
	// unrecordedPod: a Job was created, and deleted by somebody before its uid was recorded, so that nobody knows that there
	// was one. Its pod may be left for a moment when its execution ends, unless that is abandoned.
	unrecordedPod = "pods left of a Job that was deleted before it was recorded"
)

// concerns are the known departures that an invariant of the explorer sees too.
var concerns = map[string]string{"I3": freedName, "I4": freedName, "I5": unrecordedPod, "I6": freedName}

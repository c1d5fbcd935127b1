// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
)

// maxJobNamePrefix leaves room for a dash and the hash in the 63 characters of a Job's name, which is also the value of
// a label on its pods.
const (
	maxJobNamePrefix = 40
	jobNameHashBytes = 10
)

// JobName returns the name of the Job of an action: the name of the execution, for people, and a hash of the
// execution's uid, the stage and the action. It is the same whenever it is asked for, so that two operators cannot
// create two Jobs for one action. It is a DNS label of at most 63 characters.
func JobName(e *v1alpha1.PipelineExecution, key Key) string {
	h := sha256.New()
	for _, part := range []string{string(e.UID), key.Stage, key.Action} {
		// A zero byte ends each part; it is in none of them, so no two lists of parts are hashed alike.
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	prefix := strings.ReplaceAll(e.Name, ".", "-")
	if len(prefix) > maxJobNamePrefix {
		prefix = prefix[:maxJobNamePrefix]
	}
	prefix = strings.TrimRight(prefix, "-")
	return prefix + "-" + hex.EncodeToString(h.Sum(nil)[:jobNameHashBytes])
}

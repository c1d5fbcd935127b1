// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	// maxNamePrefix leaves room for a dash and the hash in the 63 characters of a Job's name, which is also the value of a
	// label on its pods.
	maxNamePrefix = 40
	nameHashBytes = 10
)

// WorkloadName returns the name of the workload of an action: the name of the execution, for people, and a hash of the
// execution's uid, the stage, the action and the attempt. It is the same whenever it is asked for, so that two operators
// cannot create two workloads for one attempt. It is a DNS label of at most 63 characters.
func WorkloadName(execution *v1alpha1.PipelineExecution, key ActionKey, attempt int32) string {
	h := sha256.New()
	for _, part := range []string{string(execution.UID), key.Stage, key.Action, strconv.Itoa(int(attempt))} {
		// A zero byte ends each part; it is in none of them, so no two lists of parts are hashed alike.
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	prefix := strings.ReplaceAll(execution.Name, ".", "-")
	if len(prefix) > maxNamePrefix {
		prefix = prefix[:maxNamePrefix]
	}
	prefix = strings.TrimRight(prefix, "-")
	return prefix + "-" + hex.EncodeToString(h.Sum(nil)[:nameHashBytes])
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	// maxNamePrefix leaves room for a dash and the hash in the 63 characters of a Job's name, which is also the value of a
	// label on its pods.
	maxNamePrefix = 36
	nameHashBytes = 16
)

// nameEncoding has the characters of a DNS label: 26 of them for 16 bytes.
var nameEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// WorkloadName returns the name of the workload of an attempt of an action: the name of the execution, for people, and a hash of 128
// bits of the execution's uid, the stage, the action, the attempt and a nonce. The nonce is drawn with the intent to start the
// action, and the name recorded with it, so that nobody can take the name before. It is a DNS label of at most 63 characters.
func WorkloadName(execution *v1alpha1.PipelineExecution, key ActionKey, attempt int32, nonce string) string {
	h := sha256.New()
	for _, part := range []string{string(execution.UID), key.Stage, key.Action, strconv.Itoa(int(attempt)), nonce} {
		// A zero byte ends each part; it is in none of them, so no two lists of parts are hashed alike.
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	prefix := strings.ReplaceAll(execution.Name, ".", "-")
	if len(prefix) > maxNamePrefix {
		prefix = prefix[:maxNamePrefix]
	}
	prefix = strings.TrimRight(prefix, "-")
	return prefix + "-" + nameEncoding.EncodeToString(h.Sum(nil)[:nameHashBytes])
}

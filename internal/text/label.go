// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// maxLabelLength bounds the value of a label
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set).
const maxLabelLength = 63

// hashBytes keeps two names apart that are made fit in the same way.
const hashBytes = 4

var (
	labelValue      = regexp.MustCompile(`^[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$`)
	notInLabelValue = regexp.MustCompile(`[^-_.A-Za-z0-9]`)
)

// FitLabel returns a name of ours as the value of a label: the name itself if it is one, else what is left of it and a hash
// of it. Two names do not share a value.
func FitLabel(name string) string {
	if len(name) <= maxLabelLength && labelValue.MatchString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:hashBytes])
	rest := notInLabelValue.ReplaceAllString(name, "-")
	rest = rest[:min(len(rest), maxLabelLength-len(hash)-1)]
	rest = strings.Trim(rest, "-_.")
	return strings.TrimPrefix(rest+"-"+hash, "-")
}

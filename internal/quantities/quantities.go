// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package quantities finds quantities in JSON that take too long to decode.
package quantities

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
)

// maxQuantity bounds a quantity of a template, in characters.
const maxQuantity = 64

var (
	// quantityFields are the fields of a JobSpec or of a PersistentVolumeClaimSpec that hold quantities, or lists of them.
	quantityFields = map[string]bool{"limits": true, "requests": true, "overhead": true, "sizeLimit": true, "divisor": true}
	// hugeExponent is that of a quantity which takes minutes to decode, or all memory
	// (https://github.com/kubernetes/kubernetes/pull/141306).
	hugeExponent = regexp.MustCompile(`[eE][+-]?\d{3,}$`)
)

// Check returns an error that names the first quantity which cannot be decoded in time, or nil. It looks for quantities that are too long to decode. It reads the text itself, since a decoder keeps only the
// last of two fields of a name. Text that is not JSON is left to the decoder.
func Check(raw []byte) error {
	type frame struct {
		object, wantsKey, quantity bool
		key                        string
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	stack := []frame{{}}
	for {
		token, err := d.Token()
		if err != nil {
			return nil
		}
		top := &stack[len(stack)-1]
		if key, ok := token.(string); ok && top.wantsKey {
			top.key, top.wantsKey = key, false
			continue
		}
		quantity := top.quantity || top.object && quantityFields[top.key]
		if delim, ok := token.(json.Delim); ok {
			if delim == '{' || delim == '[' {
				stack = append(stack, frame{object: delim == '{', wantsKey: delim == '{', quantity: quantity})
				continue
			}
			stack = stack[:len(stack)-1]
			top = &stack[len(stack)-1]
		} else if text := fmt.Sprint(token); quantity && (len(text) > maxQuantity || hugeExponent.MatchString(text)) {
			return fmt.Errorf("%s: Invalid value: %.20q…: too long, or its exponent too large, for a quantity", top.key, text)
		}
		top.wantsKey = top.object
	}
}

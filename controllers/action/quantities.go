// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
)

// maxQuantity bounds the characters of a quantity.
const maxQuantity = 64

// hugeExponent is an exponent of four digits or more. Of few characters such as 1e-100000000 the decoder of Kubernetes makes
// a number of that many digits, and takes minutes and all memory for it.
var hugeExponent = regexp.MustCompile(`[eE][+-]?\d{4,}$`)

// checkQuantities returns an error where a quantity of a JobSpec is one that must not be decoded.
func checkQuantities(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var spec any
	if err := decoder.Decode(&spec); err != nil {
		// The decoder of the JobSpec says it better.
		return nil
	}
	return checkFields(spec)
}

// checkFields walks through what is no quantity.
func checkFields(value any) error {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if err := checkFields(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, field := range v {
			check := checkFields
			switch name {
			case "limits", "requests", "overhead", "sizeLimit", "divisor":
				check = func(f any) error { return checkQuantity(name, f) }
			}
			if err := check(field); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkQuantity checks a field that holds a quantity, or a map of them.
func checkQuantity(name string, value any) error {
	text := ""
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			if err := checkQuantity(name, inner); err != nil {
				return err
			}
		}
	case string:
		text = v
	case json.Number:
		text = v.String()
	}
	if len(text) > maxQuantity || hugeExponent.MatchString(text) {
		return fmt.Errorf("%s: Invalid value: a quantity has at most %d characters, and an exponent of at most three digits", name, maxQuantity)
	}
	return nil
}

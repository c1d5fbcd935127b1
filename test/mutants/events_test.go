// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestFindFailedTest(t *testing.T) {
	for name, test := range map[string]struct{ events, failed string }{
		"the innermost test": {`
			{"Action":"start","Package":"p"}
			{"Action":"run","Test":"TestA"}
			{"Action":"run","Test":"TestA/case"}
			{"Action":"fail","Test":"TestA/case"}
			{"Action":"fail","Test":"TestA"}
			{"Action":"fail","Package":"p"}`, "TestA/case"},
		"the first test": {`
			{"Action":"run","Test":"TestA"}
			{"Action":"pass","Test":"TestA"}
			{"Action":"run","Test":"TestB"}
			{"Action":"fail","Test":"TestB"}
			{"Action":"run","Test":"TestC"}
			{"Action":"fail","Test":"TestC"}`, "TestB"},
		"a test that hangs": {`
			{"Action":"run","Test":"TestA"}
			{"Action":"run","Test":"TestA/case"}
			{"Action":"pass","Test":"TestA/case"}
			{"Action":"output","Test":"TestA","Output":"panic: test timed out after 3m0s\n"}
			{"Action":"fail","Package":"p"}`, "TestA, which does not end"},
		"a package that does not compile": {`
			{"ImportPath":"p","Action":"build-fail"}
			{"Action":"start","Package":"p"}
			{"Action":"fail","Package":"p","FailedBuild":"p"}`, ""},
		"a process that ends before its tests": {`
			{"Action":"start","Package":"p"}
			{"Action":"fail","Package":"p"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := parseEvents([]byte(strings.TrimSpace(test.events)))
			if err != nil {
				t.Fatal(err)
			}
			if failed := findFailedTest(events); failed != test.failed {
				t.Errorf("failed is %q, want %q", failed, test.failed)
			}
		})
	}
}

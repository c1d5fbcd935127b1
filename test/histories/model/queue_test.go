// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

import "testing"

func TestQueuesAreAsTheUserGuideSays(t *testing.T) {
	t.Parallel()
	if Parallel.IsSerial() || !Queue.IsSerial() || !Supersede.IsSerial() {
		t.Error("the modes hold other numbers of executions")
	}
	for _, test := range []struct {
		name        string
		a, b        Waiter
		goesBefore  bool
		maySupersed bool
	}{
		{"who began to wait first goes first", Waiter{1, 2}, Waiter{2, 1}, true, true},
		{"of those who began together, who was created first", Waiter{1, 1}, Waiter{1, 2}, true, false},
		{"who began later goes later", Waiter{2, 1}, Waiter{1, 2}, false, false},
		{"twins have no order", Waiter{1, 1}, Waiter{1, 1}, false, true},
	} {
		if test.a.GoesBefore(test.b) != test.goesBefore || test.a.MaySupersede(test.b) != test.maySupersed {
			t.Errorf("%s: goes before: %t, may supersede: %t", test.name, test.a.GoesBefore(test.b), test.a.MaySupersede(test.b))
		}
	}
}

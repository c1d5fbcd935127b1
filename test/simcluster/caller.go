// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Caller is a program that uses the API server. It has a log of its calls, and a hook that can make each of them fail.
type Caller struct {
	// Name is the writer of the changes that the calls make.
	Name string
	// Hook stands around every call, if there is one.
	Hook Hook
	// Calls are all calls so far.
	Calls []*Call
	// Reconciliation is the one that the next calls belong to.
	Reconciliation Reconciliation
	// Silent keeps calls out of the log, and the hook away from them.
	Silent bool
}

// Hook stands around a call. It may do other things before and after, and need not let the call through.
type Hook func(c *Call, next func() error) error

// Reconciliation is what a controller does for an object at one time.
type Reconciliation struct {
	// Number counts the reconciliations of a program from 1.
	Number int
	// Controller is its name.
	Controller string
	// Object is the key of the object, and UID its uid once the controller has read it.
	Object client.ObjectKey
	UID    types.UID
}

// Call is a request to the API server or to a cache.
type Call struct {
	// Number counts the calls of a caller from 1.
	Number int
	// Verb is get, list, create, try, update, update-status, patch, patch-status or delete; a try is a creation that is a dry run.
	Verb string
	// Cached is true if a cache answers.
	Cached bool
	Kind   Kind
	Key    client.ObjectKey
	// HasUID and HasState are true if the write names the uid of what it changes, or the state that it was decided on: a
	// resourceVersion, or what a JSON patch tests.
	HasUID, HasState bool
	// Reconciliation is the one that the call belongs to, if any. Its UID is the one that was known when the call began.
	Reconciliation Reconciliation
	// Err is the result. A caller that crashed during the call has no answer.
	Err error
	// By is the name of the caller.
	By string
	// Before is the length of the history when the call began.
	Before int
}

// String names the call as a line of a trace does.
func (c *Call) String() string {
	from := ""
	if c.Cached {
		from = " (cache)"
	}
	return fmt.Sprintf("%s %s %s%s", c.Verb, c.Kind, c.Key.Name, from)
}

// Writes reports whether the call asks for a change.
func (c *Call) Writes() bool { return c.Verb != "get" && c.Verb != "list" && c.Verb != "try" }

// errNoAnswer is the result of a call that has not returned.
var errNoAnswer = errors.New("no answer")

// call makes a call through the hook and logs it.
func (c *Caller) call(s *Store, call *Call, do func() error) error {
	if c == nil || c.Silent {
		return do()
	}
	call.Number, call.By, call.Before = len(c.Calls)+1, c.Name, len(s.History)
	call.Reconciliation, call.Err = c.Reconciliation, errNoAnswer
	c.Calls = append(c.Calls, call)
	next := func() error {
		writer, number := s.writer, s.call
		s.writer, s.call = c.Name, call.Number
		defer func() { s.writer, s.call = writer, number }()
		return do()
	}
	if c.Hook == nil {
		call.Err = next()
	} else {
		call.Err = c.Hook(call, next)
	}
	return call.Err
}

// noteRead records the uid of the object that is reconciled: the first thing that a reconciliation does is to read it.
func (c *Caller) noteRead(key client.ObjectKey, o client.Object) {
	if c != nil && c.Reconciliation.UID == "" && key == c.Reconciliation.Object {
		c.Reconciliation.UID = o.GetUID()
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"haltline.dev/haltline/controllers/action"
)

// follow returns a handler that tells a follower of every event, and then hands on those that all predicates let pass.
func follow(f action.Follower, next handler.EventHandler, predicates ...predicate.Predicate) handler.EventHandler {
	pass := func(is func(predicate.Predicate) bool) bool {
		return !slices.ContainsFunc(predicates, func(p predicate.Predicate) bool { return !is(p) })
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			f.Appeared(ctx, e.Object)
			if pass(func(p predicate.Predicate) bool { return p.Create(e) }) {
				next.Create(ctx, e, q)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			if isReplacement(e) {
				f.Vanished(ctx, e.ObjectOld)
			}
			f.Appeared(ctx, e.ObjectNew)
			if pass(func(p predicate.Predicate) bool { return p.Update(e) }) {
				next.Update(ctx, e, q)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			f.Vanished(ctx, e.Object)
			if pass(func(p predicate.Predicate) bool { return p.Delete(e) }) {
				next.Delete(ctx, e, q)
			}
		},
	}
}

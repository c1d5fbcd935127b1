// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/simcluster"
)

// ReconcileBy calls a function in the place of a controller that has just read an object. The test decides in it what the
// controller writes. Its client reads what is stored now.
func (p *Process) ReconcileBy(controller string, o client.Object, do func(client.Client)) {
	defer func() { p.Silent = true }()
	p.begin(simcluster.Reconciliation{Controller: controller, Object: client.ObjectKeyFromObject(o), UID: o.GetUID()})
	do(simcluster.NewClient(p.store, simcluster.CalledBy(&p.Caller)))
}

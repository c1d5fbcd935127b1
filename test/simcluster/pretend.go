// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import "sigs.k8s.io/controller-runtime/pkg/client"

// Pretend has a function call as a reconciliation by a controller does that has read an object, for those who try what is said
// of such calls. Its client reads what is stored now.
func (p *Process) Pretend(controller string, of client.Object, do func(client.Client)) {
	defer func() { p.current = "" }()
	p.Reconciles++
	p.current, p.of, p.ofUID = controller, client.ObjectKeyFromObject(of), of.GetUID()
	do(&apiClient{process: p, live: true})
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"

	"haltline.dev/haltline/test/apiserver"
)

// runKubectl runs kubectl, and returns what it prints.
func runKubectl(ctx context.Context, kubeconfig string, args ...string) (string, error) {
	return apiserver.RunProgram(ctx, kubeconfig, apiserver.Binary("kubectl"), args...)
}

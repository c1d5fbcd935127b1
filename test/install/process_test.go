// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
)

// binaryFolder has the binary of the operator while the tests run.
var binaryFolder string

// buildOperator builds the operator once for all tests, and returns the path of the binary.
var buildOperator = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(binaryFolder, "haltline")
	// It is for all tests, and not for the first of them.
	return binary, apiserver.Build(context.Background(), ".", binary)
})

// startOperator runs the operator with flags and with the rights of its account, until it is killed or the test ends.
func startOperator(t *testing.T, flags []string) *apiserver.Operator {
	t.Helper()
	g := NewWithT(t)
	binary, err := buildOperator()
	g.Expect(err).NotTo(HaveOccurred(), binary)
	operator, err := cluster.RunOperator(t.Context(), binary, account, flags)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(operator.Kill)
	return operator
}

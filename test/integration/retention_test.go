// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/builders"
)

// What has finished is deleted whole once its time has come: its request, the execution, its Jobs and their pods.
func TestFinishedObjectsAreDeletedByTheirTTL(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	stays := createExecution(t, execution.Namespace, "web")
	waitForRunning(t, stays, "compile")
	job := &listJobs(t, execution)[0]
	sr := createObject(t, builders.StopAndAbandon(execution))
	waitForStopped(t, sr)

	hourAgo := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	patchStatus(t, refreshObject(t, execution), fmt.Sprintf(`[{"op":"replace","path":"/status/completionTime","value":%q}]`, hourAgo))
	refreshObject(t, sr)
	for i := range sr.Status.Conditions {
		patchStatus(t, sr, fmt.Sprintf(`[{"op":"replace","path":"/status/conditions/%d/lastTransitionTime","value":%q}]`, i, hourAgo))
	}
	for _, o := range []client.Object{execution, stays, sr} {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"ttlSecondsAfterFinished":600}}`))
		NewWithT(t).Expect(k8s.Patch(t.Context(), o, patch)).To(Succeed())
	}
	for _, o := range []client.Object{sr, execution, job} {
		NewWithT(t).Eventually(func() bool {
			return apierrors.IsNotFound(k8s.Get(t.Context(), client.ObjectKeyFromObject(o), o))
		}, timeout, interval).Should(BeTrue(), "%T %s is there", o, o.GetName())
	}
	expectRunning(t, stays)
}

func patchStatus(t *testing.T, o client.Object, patch string) {
	t.Helper()
	NewWithT(t).Expect(k8s.Status().Patch(t.Context(), o, client.RawPatch(types.JSONPatchType, []byte(patch)))).To(Succeed())
}

// expectRunning checks that an execution which runs is not deleted, whatever its TTL is.
func expectRunning(t *testing.T, o client.Object) {
	t.Helper()
	NewWithT(t).Consistently(func() error { return k8s.Get(t.Context(), client.ObjectKeyFromObject(o), o) }, quietTime, interval).Should(Succeed())
	NewWithT(t).Expect(o.GetDeletionTimestamp()).To(BeNil())
}

// The token of the operator's account does not delete what runs, nor the record of a stop that nobody said may go.
func TestTheOperatorsTokenDeletesOnlyWhatHasFinished(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	thief := thiefOfTheToken(t, execution.Namespace)
	expectDenied(t, thief.Delete(t.Context(), execution), "haltline-operator-finished")
	expectDenied(t, thief.Delete(t.Context(), sr), "haltline-operator-finished")
	createObject(t, builders.StopAndAbandon(execution))
	waitForStopped(t, sr)
	expectDenied(t, thief.Delete(t.Context(), sr), "haltline-operator-finished")
	NewWithT(t).Expect(thief.Delete(t.Context(), execution)).To(Succeed())
}

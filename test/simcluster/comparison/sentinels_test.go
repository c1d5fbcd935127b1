// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package comparison

import (
	"context"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// sentinels are objects that show a script that the controllers have dealt with everything that was there before them. Scripts
// that wait at the same time share them.
type sentinels struct {
	namespace string
	mu        sync.Mutex
	// next are those that are not created yet.
	next *sentinel
}

// sentinel is one round of them.
type sentinel struct {
	passed chan struct{}
	err    error
}

// sharingTime is how long scripts that begin to wait can still share a round.
const sharingTime = 300 * time.Millisecond

// await waits until the controllers have dealt with objects that are created after the call.
func (s *sentinels) await(ctx context.Context) error {
	s.mu.Lock()
	mine := s.next
	if mine == nil {
		mine = &sentinel{passed: make(chan struct{})}
		s.next = mine
		time.AfterFunc(sharingTime, func() {
			s.mu.Lock()
			s.next = nil
			s.mu.Unlock()
			mine.err = s.createAndWait(ctx)
			close(mine.passed)
		})
	}
	s.mu.Unlock()
	<-mine.passed
	return mine.err
}

// createAndWait creates a Job and an object whose owner never existed, and waits until the Job controller and the garbage
// collector have dealt with them. The Job controller looks at a Job again a second after a change of its pods. The pod of this
// Job is younger than all that are waited for.
func (s *sentinels) createAndWait(ctx context.Context) error {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, GenerateName: "sentinel-"}, Spec: newJobSpec()}
	dangling := newRevision(metav1.ObjectMeta{Namespace: s.namespace, GenerateName: "sentinel-", OwnerReferences: []metav1.OwnerReference{
		{APIVersion: "apps/v1", Kind: "ControllerRevision", Name: "nobody", UID: uuid.NewUUID()}}})
	for _, object := range []client.Object{job, dangling} {
		if err := kubernetes.Client.Create(ctx, object); err != nil {
			return err
		}
	}
	err := pollUntil(ctx, slowTick, func() (bool, error) {
		err := kubernetes.Client.Get(ctx, client.ObjectKeyFromObject(job), job)
		return ptr.Deref(job.Status.Ready, 0) == 1, err
	})
	if err != nil {
		return fmt.Errorf("the Job controller does not deal with the sentinel: %w", err)
	}
	err = pollUntil(ctx, slowTick, func() (bool, error) {
		err := kubernetes.Client.Get(ctx, client.ObjectKeyFromObject(dangling), dangling)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("the garbage collector does not deal with the sentinel: %w", err)
	}
	return nil
}

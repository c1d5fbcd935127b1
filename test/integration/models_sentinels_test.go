// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

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

// sentinels are objects by which a script sees that the controllers have dealt with all that was there before them.
type sentinels struct {
	namespace string
	mu        sync.Mutex
	// next are those that are not created yet.
	next *sentinel
}

type sentinel struct {
	passed chan struct{}
	err    error
}

// boarding is how long scripts that wait can still share a sentinel.
const boarding = 300 * time.Millisecond

// await waits until the controllers have dealt with objects that are created after the call.
func (s *sentinels) await(ctx context.Context) error {
	s.mu.Lock()
	mine := s.next
	if mine == nil {
		mine = &sentinel{passed: make(chan struct{})}
		s.next = mine
		time.AfterFunc(boarding, func() {
			s.mu.Lock()
			s.next = nil
			s.mu.Unlock()
			mine.err = s.pass(ctx)
			close(mine.passed)
		})
	}
	s.mu.Unlock()
	<-mine.passed
	return mine.err
}

// pass creates a Job and an object whose owner never was, and waits until the Job controller and the garbage collector have
// dealt with them. The Job controller looks at a Job again a second after a change of its pods: so it does at this one, whose
// pod is younger than all that are waited for.
func (s *sentinels) pass(ctx context.Context) error {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, GenerateName: "sentinel-"}, Spec: scriptSpec()}
	dangling := revision(metav1.ObjectMeta{Namespace: s.namespace, GenerateName: "sentinel-", OwnerReferences: []metav1.OwnerReference{
		{APIVersion: "apps/v1", Kind: "ControllerRevision", Name: "nobody", UID: uuid.NewUUID()}}})
	for _, o := range []client.Object{job, dangling} {
		if err := k8s.Create(ctx, o); err != nil {
			return err
		}
	}
	err := poll(ctx, 10*tick, func() (bool, error) {
		err := k8s.Get(ctx, client.ObjectKeyFromObject(job), job)
		return ptr.Deref(job.Status.Ready, 0) == 1, err
	})
	if err != nil {
		return fmt.Errorf("the Job controller does not come to the sentinel: %w", err)
	}
	err = poll(ctx, 10*tick, func() (bool, error) {
		err := k8s.Get(ctx, client.ObjectKeyFromObject(dangling), dangling)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("the garbage collector does not come to the sentinel: %w", err)
	}
	return nil
}

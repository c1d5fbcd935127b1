// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// hurried is a clock on which no time passes while somebody waits.
type hurried struct{ clock.RealClock }

func (hurried) NewTimer(time.Duration) clock.Timer {
	fake := clocktesting.NewFakeClock(time.Time{})
	timer := fake.NewTimer(time.Second)
	fake.Step(time.Second)
	return timer
}

// server answers lists and watches in turn. What it is not told to answer fails the test.
type server struct {
	client.WithWatch
	t *testing.T
	// lists are what the lists answer: pods, or an error.
	lists []any
	// watches are what the watches bring before they end: events, or an error.
	watches []any
	// asked are the resourceVersions that the watches began with.
	asked []string
}

func (s *server) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	answer := s.lists[0]
	s.lists = s.lists[1:]
	if err, isErr := answer.(error); isErr {
		return err
	}
	pods := list.(*corev1.PodList)
	pods.ResourceVersion = fmt.Sprintf("list-%d", len(s.lists))
	pods.Items = answer.([]corev1.Pod)
	return nil
}

func (s *server) Watch(_ context.Context, _ client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
	applied := client.ListOptions{}
	applied.ApplyOptions(options)
	s.asked = append(s.asked, applied.Raw.ResourceVersion)
	answer := s.watches[0]
	s.watches = s.watches[1:]
	if err, isErr := answer.(error); isErr {
		return nil, err
	}
	events := answer.([]watch.Event)
	w := watch.NewFakeWithChanSize(len(events), false)
	for _, e := range events {
		w.Action(e.Type, e.Object)
	}
	w.Stop()
	return w, nil
}

func pod(name, uid, version string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(uid), ResourceVersion: version}}
}

func pods(all ...*corev1.Pod) []corev1.Pod {
	var list []corev1.Pod
	for _, p := range all {
		list = append(list, *p)
	}
	return list
}

func event(t watch.EventType, object runtime.Object) watch.Event {
	return watch.Event{Type: t, Object: object}
}

var (
	errBroken  = errors.New("connection refused")
	errExpired = apierrors.NewResourceExpired("too old resource version")
	forbidden  = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "a", errors.New("no"))
)

func expired() watch.Event {
	status := errExpired.Status()
	return event(watch.Error, &status)
}

// What one object is followed through, until its version is "end".
func TestUntil(t *testing.T) {
	a := func(version string) *corev1.Pod { return pod("a", "uid", version) }
	none := []watch.Event{}
	tests := []struct {
		name    string
		lists   []any
		watches []any
		// visits and trouble are what happened, in order.
		visits, trouble string
		want            error
	}{
		{"it is there already", []any{pods(a("end"))}, nil, "end", "", nil},
		{"it changes", []any{pods(a("1"))}, []any{[]watch.Event{event(watch.Modified, a("2")), event(watch.Modified, a("end"))}}, "1 2 end", "", nil},
		{"the watch ends", []any{pods(a("1")), pods(a("1")), pods(a("end"))}, []any{none, none}, "1 end", "", nil},
		{"the watch breaks", []any{pods(a("1")), errBroken, errBroken, pods(a("end"))}, []any{none}, "1 end", "broken over", nil},
		{"the watch cannot be opened", []any{pods(a("1")), pods(a("end"))}, []any{errBroken}, "1 end", "broken over", nil},
		{"the version is too old", []any{pods(a("1")), pods(a("end"))}, []any{[]watch.Event{expired()}}, "1 end", "broken over", nil},
		{"a bookmark", []any{pods(a("1"))}, []any{[]watch.Event{event(watch.Bookmark, a("2")), event(watch.Modified, a("end"))}}, "1 end", "", nil},
		{"it never was there", []any{pods()}, nil, "", "", ErrDeleted},
		{"it is deleted", []any{pods(a("1"))}, []any{[]watch.Event{event(watch.Deleted, a("2"))}}, "1", "", ErrDeleted},
		{"it was deleted meanwhile", []any{pods(a("1")), pods()}, []any{none}, "1", "", ErrDeleted},
		{"another has its name", []any{pods(pod("a", "another", "1"))}, nil, "", "", ErrDeleted},
		{"another gets its name", []any{pods(a("1"))}, []any{[]watch.Event{event(watch.Added, pod("a", "another", "2"))}}, "1", "", ErrDeleted},
		{"no connection at first", []any{errBroken}, nil, "", "", errBroken},
		{"no permission any more", []any{pods(a("1")), forbidden}, []any{none}, "1", "", forbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &server{t: t, lists: tt.lists, watches: tt.watches}
			var visits, trouble []string
			target := Target{Client: s, List: &corev1.PodList{}, Key: client.ObjectKey{Name: "a"}, UID: "uid", Clock: hurried{}, OnTrouble: func(err error) {
				if err == nil {
					trouble = append(trouble, "over")
					return
				}
				trouble = append(trouble, "broken")
			}}
			err := Until(t.Context(), target, func(p *corev1.Pod) (bool, error) {
				visits = append(visits, p.ResourceVersion)
				return p.ResourceVersion == "end", nil
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("the error is %v, want %v", err, tt.want)
			}
			if got := strings.Join(visits, " "); got != tt.visits {
				t.Errorf("visited %q, want %q", got, tt.visits)
			}
			if got := strings.Join(trouble, " "); got != tt.trouble {
				t.Errorf("told of %q, want %q", got, tt.trouble)
			}
		})
	}
}

// A watch goes on from what was listed, so that no change between the two is missed.
func TestAWatchGoesOnFromTheList(t *testing.T) {
	s := &server{t: t, lists: []any{pods(pod("a", "uid", "1")), pods(pod("a", "uid", "end"))}, watches: []any{[]watch.Event{}}}
	target := Target{Client: s, List: &corev1.PodList{}, UID: "uid", Clock: hurried{}}
	if err := Until(t.Context(), target, func(p *corev1.Pod) (bool, error) { return p.ResourceVersion == "end", nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"list-1"}; !slices.Equal(s.asked, want) {
		t.Errorf("the watches began with %v, want %v", s.asked, want)
	}
}

// What visit returns ends the following, and so does the end of the context.
func TestWhatEndsTheFollowing(t *testing.T) {
	errVisit := errors.New("that is enough")
	s := &server{t: t, lists: []any{pods(pod("a", "uid", "1"))}}
	err := Until(t.Context(), Target{Client: s, List: &corev1.PodList{}, UID: "uid"}, func(*corev1.Pod) (bool, error) { return false, errVisit })
	if !errors.Is(err, errVisit) {
		t.Errorf("the error is %v, want that of visit", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s = &server{t: t, lists: []any{pods(pod("a", "uid", "1"))}, watches: []any{errBroken}}
	err = Until(ctx, Target{Client: s, List: &corev1.PodList{}, UID: "uid"}, func(*corev1.Pod) (bool, error) { cancel(); return false, nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want that of the context", err)
	}
}

// All objects of a group are visited together, also after a watch broke.
func TestAll(t *testing.T) {
	a, b := pod("a", "a", "1"), pod("b", "b", "1")
	tests := []struct {
		name    string
		lists   []any
		watches []any
		visits  string
		want    error
	}{
		{"they come, change and go", []any{pods(a), forbidden}, []any{[]watch.Event{
			event(watch.Added, b), event(watch.Modified, pod("b", "b", "2")), event(watch.Deleted, a), event(watch.Bookmark, b),
		}}, "a1 | a1 b1 | a1 b2 | b2 | b2", forbidden},
		{"the watch breaks", []any{pods(a), errBroken, pods(b), forbidden}, []any{errBroken, []watch.Event{}}, "a1 | b1", forbidden},
		{"the version is too old", []any{pods(a), pods(b), forbidden}, []any{[]watch.Event{expired()}, []watch.Event{}}, "a1 | b1", forbidden},
		{"no connection at first", []any{errBroken}, nil, "", errBroken},
		{"there are none", []any{pods(), forbidden}, []any{[]watch.Event{}}, "", forbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &server{t: t, lists: tt.lists, watches: tt.watches}
			var visits []string
			err := All(t.Context(), Group{Client: s, List: &corev1.PodList{}, Clock: hurried{}}, func(all []*corev1.Pod) {
				var names []string
				for _, p := range all {
					names = append(names, p.Name+p.ResourceVersion)
				}
				slices.Sort(names)
				visits = append(visits, strings.Join(names, " "))
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("the error is %v, want %v", err, tt.want)
			}
			if got := strings.Join(visits, " | "); got != tt.visits {
				t.Errorf("visited %q, want %q", got, tt.visits)
			}
		})
	}
}

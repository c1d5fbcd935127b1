// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// TestMemoChangesNothing plays the same patches in stores without a memo, with an empty one, and with one that has them all.
func TestMemoChangesNothing(t *testing.T) {
	want := playPatches(t, &Memo{})
	memo := NewMemo()
	for _, name := range []string{"empty", "full"} {
		if got := playPatches(t, memo); got != want {
			t.Errorf("with a memo that is %s:\n%s\nwithout one:\n%s", name, got, want)
		}
	}
	if len(memo.patched) == 0 || len(memo.stored) == 0 || len(memo.guards) == 0 {
		t.Error("the memo has nothing in it")
	}
}

// playPatches returns what each patch answered, and the history that came of them. One patch comes twice, for the same content under
// another resourceVersion, and must be refused the second time.
func playPatches(t *testing.T, memo *Memo) string {
	s := NewStoreWith(memo)
	c := NewClient(s)
	log := &strings.Builder{}
	s.Load(newStopRequest("a"))
	guarded := `[{"op":"test","path":"/metadata/resourceVersion","value":"2"},{"op":"replace","path":"/metadata/labels","value":{"a":"2"}}]`
	for i, data := range []string{
		`[{"op":"add","path":"/metadata/labels","value":{"a":"1"}}]`,
		guarded,
		`[{"op":"replace","path":"/metadata/labels","value":{"a":"1"}}]`,
		guarded,
		`[{"op":"replace","path":"/metadata/labels","value":{"a":"1"}}]`,
		`[{"op":"test","path":"/metadata/labels/a","value":"2"}]`,
		`[{"op":"add","path":"/metadata/finalizers","value":["pipelines.haltline.dev/test"]}]`,
	} {
		o := newStopRequest("a")
		err := c.Patch(t.Context(), o, client.RawPatch(types.JSONPatchType, []byte(data)))
		fmt.Fprintln(log, i, err, o.ResourceVersion, o.Labels)
	}
	if err := c.Delete(t.Context(), newStopRequest("a")); err != nil {
		t.Fatal(err)
	}
	if err := c.Patch(t.Context(), newStopRequest("a"), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
		t.Fatal(err)
	}
	for _, change := range s.History {
		raw := "removed"
		if change.New != nil {
			raw = string(encode(change.New))
		}
		fmt.Fprintln(log, change.Seq, change.Key.Name, raw)
	}
	return log.String() + strconv.FormatUint(s.State(), 16)
}

func newStopRequest(name string) *v1alpha1.StopRequest {
	sr := &v1alpha1.StopRequest{}
	sr.Namespace, sr.Name = "team", name
	return sr
}

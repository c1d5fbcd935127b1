// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/randfill"

	"haltline.dev/haltline/api/v1alpha1"
)

const fuzzUID = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"

// fuzzSeeds adds bytes that fill much, and bytes that fill little.
func fuzzSeeds(f *testing.F, size int) {
	f.Add([]byte(nil))
	f.Add(bytes.Repeat([]byte{0xff}, size))
	f.Add(make([]byte, size))
	for seed := range byte(40) {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i*i)*seed ^ byte(i>>3)*(seed+7) ^ seed
		}
		f.Add(data)
	}
}

// fuzzDice are thrown by the bytes of a fuzzer.
type fuzzDice struct{ randfill.Continue }

// fuzzFiller returns one that fills any object from the bytes, often with values that mean something here.
func fuzzFiller(data []byte) *randfill.Filler {
	return randfill.NewFromGoFuzz(data).NilChance(.3).NumElements(0, 3).Funcs(
		func(d *fuzzDice, c randfill.Continue) { d.Continue = c },
		func(s *string, c randfill.Continue) { *s = fuzzWord(c) },
		func(t *metav1.Time, c randfill.Continue) {
			*t = metav1.NewTime(time.Unix(1e9+int64(c.Intn(200))-100, 0))
		},
		func(m *metav1.ObjectMeta, c randfill.Continue) {
			m.Namespace, m.Name, m.Generation = "team", fuzzPick(c, "run-1", "web"), int64(c.Intn(4))
			m.UID = fuzzPick[types.UID](c, fuzzUID, fuzzUID, "u", "")
			for _, into := range []any{&m.Labels, &m.Annotations, &m.CreationTimestamp, &m.OwnerReferences} {
				c.Fill(into)
			}
			if c.Intn(6) == 0 {
				m.Finalizers = []string{"example.com/hold"}
				c.Fill(&m.DeletionTimestamp)
			}
		},
		func(r *runtime.RawExtension, c randfill.Continue) {
			r.Raw = []byte(fuzzPick(c, `{"template":{"spec":{"containers":[{"name":"main"}]}}}`, "{}", "null", `{"nosuch":1}`, `{"managedBy":"x"}`))
		},
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewMilliQuantity(int64(c.Uint64()), resource.DecimalSI)
		},
		func(s *v1alpha1.ExecutionState, c randfill.Continue) {
			*s = fuzzPick(c, "", v1alpha1.ExecutionInProgress, v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopping, v1alpha1.ExecutionStopped, "odd")
		},
		func(s *v1alpha1.ActionState, c randfill.Continue) {
			*s = fuzzPick(c, "", v1alpha1.ActionNotStarted, v1alpha1.ActionInProgress, v1alpha1.ActionInProgress, v1alpha1.ActionFailed, v1alpha1.ActionAbandoned, "odd")
		},
		func(m *v1alpha1.StopMode, c randfill.Continue) {
			*m = fuzzPick(c, "", v1alpha1.StopModeWait, v1alpha1.StopModeAbandon, "odd")
		},
		func(cond *metav1.Condition, c randfill.Continue) {
			c.FillNoCustom(cond)
			cond.Type = fuzzPick(c, v1alpha1.ConditionReady, v1alpha1.ConditionAccepted, fuzzWord(c))
		},
		func(s *v1alpha1.StopRequestSpec, c randfill.Continue) {
			c.FillNoCustom(s)
			s.PipelineName, s.PipelineExecutionID = fuzzPick(c, "web", s.PipelineName), fuzzPick(c, fuzzUID, s.PipelineExecutionID)
		},
		func(s *v1alpha1.ApprovalResultSpec, c randfill.Continue) {
			c.FillNoCustom(s)
			s.PipelineName, s.PipelineExecutionID = fuzzPick(c, "web", s.PipelineName), fuzzPick(c, fuzzUID, s.PipelineExecutionID)
			s.Status = fuzzPick(c, v1alpha1.ApprovalApproved, v1alpha1.ApprovalRejected, "odd")
		},
		func(s *v1alpha1.PipelineExecutionSpec, c randfill.Continue) {
			c.FillNoCustom(s)
			s.PipelineName = fuzzPick(c, "web", s.PipelineName)
		},
	)
}

func fuzzPick[T any](c randfill.Continue, values ...T) T { return values[c.Intn(len(values))] }

// fuzzWord returns a string. Some are returned again and again.
func fuzzWord(c randfill.Continue) string {
	switch c.Intn(12) {
	case 0:
		return ""
	case 1:
		return strings.Repeat(fuzzPick(c, "é", "x", "\xff", "\"", "\U0010ffff", "%s"), c.Intn(3000))
	case 2:
		return strings.Repeat("n", 40000)
	case 3:
		return c.String(40)
	case 4:
		return fuzzPick(c, "\xff\xfe", "\x00", "%!s(int=1)", "a\nb", "..", "-", `{"metadata":[]}`, `{"metadata":{"labels":{"a":1}}}`, "null")
	case 5:
		return fuzzPick(c, v1alpha1.LabelExecutionID, v1alpha1.LabelPipelineUID, v1alpha1.LabelPlaceholder, "true")
	default:
		return fuzzPick(c, "s0", "a0", "run-1", "web", "o7", fuzzUID)
	}
}

// fuzzCut cuts s to what the API server can have stored in n characters.
func fuzzCut(s string, n int) string {
	r := []rune(strings.ToValidUTF8(s, "?"))
	return string(r[:min(len(r), n)])
}

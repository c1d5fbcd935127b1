// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package workspace

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

var (
	now       = metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	execution = &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web-1", UID: "e-uid"}}
	mounting  = plan.ActionKey{Stage: "Build", Action: "compile"}
	apart     = plan.ActionKey{Stage: "Build", Action: "notify"}
)

const templateSpec = `{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}`

func makeDefinition(w v1alpha1.Workspace) *v1alpha1.PipelineDefinition {
	w.MountPath = "/data"
	return &v1alpha1.PipelineDefinition{Workspace: &w}
}

func fromTemplate(spec string) *v1alpha1.PipelineDefinition {
	return makeDefinition(v1alpha1.Workspace{VolumeClaimTemplate: &v1alpha1.VolumeClaimTemplate{
		Metadata: v1alpha1.VolumeClaimTemplateMetadata{Labels: map[string]string{"team": "a", v1alpha1.LabelExecutionID: "forged"}},
		Spec:     runtime.RawExtension{Raw: []byte(spec)},
	}})
}

// makeStarts returns the start of an action that mounts the claim, and of one that does not.
func makeStarts(uid string) []plan.Operation {
	return []plan.Operation{
		{Type: plan.OperationStart, Key: mounting, StartTime: &now, Workspace: &plan.Mount{ClaimName: "web-1-claim", UID: uid, Path: "/data"}},
		{Type: plan.OperationStart, Key: apart, StartTime: &now},
	}
}

func makeClaim(uid string, change ...func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: newMeta(execution, "web-1-claim")}
	claim.UID = types.UID(uid)
	for _, c := range change {
		c(claim)
	}
	return claim
}

func foreign(claim *corev1.PersistentVolumeClaim) { claim.OwnerReferences = nil }

func deleting(claim *corev1.PersistentVolumeClaim) {
	claim.DeletionTimestamp, claim.Finalizers = &now, []string{"kubernetes.io/pvc-protection"}
}

// newClaims returns claims of a cluster that draws the uid "new" for what is created, and refuses what refuse returns an error for.
func newClaims(refuse error, objects ...client.Object) *Claims {
	c := fake.NewClientBuilder().WithObjects(objects...).
		WithIndex(&corev1.Event{}, "involvedObject.uid", func(o client.Object) []string {
			return []string{string(o.(*corev1.Event).InvolvedObject.UID)}
		}).
		WithInterceptorFuncs(interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if refuse != nil {
				return refuse
			}
			o.SetUID("new")
			return c.Create(ctx, o, opts...)
		}}).Build()
	return &Claims{Client: c, APIReader: c}
}

var (
	overQuota = apierrors.NewForbidden(schema.GroupResource{Resource: "persistentvolumeclaims"}, "web-1-claim", errors.New("exceeded quota"))
	invalid   = &apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonInvalid, Code: 422, Message: "spec.accessModes: Required value",
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Field: "spec.accessModes"}}}}}
)

// A claim is created or found before anything that mounts it starts, and what does not mount it starts anyway.
func TestPrepare(t *testing.T) {
	named := makeDefinition(v1alpha1.Workspace{ClaimName: "web-1-claim"})
	for _, tt := range []struct {
		name       string
		definition *v1alpha1.PipelineDefinition
		recorded   string
		claims     []client.Object
		refuse     error
		wantUID    string
		wantReason string
		wantPhase  plan.Phase
		// wantType is the operation of the action that mounts the claim; 0 if there is none.
		wantType plan.OperationType
		wantErr  bool
	}{
		{name: "created", definition: fromTemplate(templateSpec), wantUID: "new"},
		{name: "created by an operator that was paused", definition: fromTemplate(templateSpec), claims: []client.Object{makeClaim("u")}, wantUID: "u"},
		{name: "taken by somebody else", definition: fromTemplate(templateSpec), claims: []client.Object{makeClaim("u", foreign)},
			wantPhase: plan.PhaseFailed, wantReason: v1alpha1.ReasonWorkspaceNameTaken},
		{name: "created and being deleted", definition: fromTemplate(templateSpec), claims: []client.Object{makeClaim("u", deleting)},
			wantPhase: plan.PhaseFailed, wantReason: v1alpha1.ReasonWorkspaceLost},
		{name: "over a quota", definition: fromTemplate(templateSpec), refuse: overQuota, wantPhase: plan.PhaseBlocked, wantErr: true},
		{name: "invalid", definition: fromTemplate(templateSpec), refuse: invalid, wantPhase: plan.PhaseFailed, wantReason: v1alpha1.ReasonWorkspaceRefused},
		{name: "no answer", definition: fromTemplate(templateSpec), refuse: errors.New("connection refused"), wantErr: true},
		{name: "not a spec", definition: fromTemplate(`{"size":1}`), wantPhase: plan.PhaseFailed, wantReason: v1alpha1.ReasonInvalidWorkspace},
		{name: "named", definition: named, claims: []client.Object{makeClaim("u", foreign)}, wantUID: "u"},
		{name: "named and not there", definition: named, wantPhase: plan.PhaseFailed, wantReason: v1alpha1.ReasonWorkspaceNotFound},
		{name: "named and being deleted", definition: named, claims: []client.Object{makeClaim("u", deleting)},
			wantPhase: plan.PhaseFailed, wantReason: v1alpha1.ReasonWorkspaceNotFound},
		{name: "recorded and there", definition: named, recorded: "u", claims: []client.Object{makeClaim("u")}, wantType: plan.OperationStart},
		{name: "recorded and gone", definition: fromTemplate(templateSpec), recorded: "u",
			wantType: plan.OperationFence, wantPhase: plan.PhaseFailed, wantReason: v1alpha1.ReasonWorkspaceLost},
		{name: "recorded and replaced", definition: fromTemplate(templateSpec), recorded: "u", claims: []client.Object{makeClaim("other")},
			wantType: plan.OperationFence, wantPhase: plan.PhaseFailed, wantReason: v1alpha1.ReasonWorkspaceLost},
		{name: "recorded and being deleted", definition: fromTemplate(templateSpec), recorded: "u", claims: []client.Object{makeClaim("u", deleting)},
			wantType: plan.OperationFence, wantPhase: plan.PhaseFailed, wantReason: v1alpha1.ReasonWorkspaceLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClaims(tt.refuse, tt.claims...)
			p, err := c.Prepare(t.Context(), execution, tt.definition, makeStarts(tt.recorded), now)
			if (err != nil) != tt.wantErr || p.UID != tt.wantUID {
				t.Errorf("uid %q, error %v", p.UID, err)
			}
			types := map[plan.ActionKey]plan.OperationType{}
			for _, op := range p.Operations {
				types[op.Key] = op.Type
			}
			if types[apart] != plan.OperationStart || types[mounting] != tt.wantType {
				t.Errorf("operations %v", types)
			}
			o := p.Complete(map[plan.ActionKey]plan.Observation{mounting: fenced(tt.wantType)})[mounting]
			if o.Phase != tt.wantPhase || o.Reason != tt.wantReason {
				t.Errorf("observed %+v", o)
			}
		})
	}
}

// fenced is what a fence observes of a Job that was never created.
func fenced(t plan.OperationType) plan.Observation {
	if t == plan.OperationFence {
		return plan.Observation{Phase: plan.PhaseNeverStarted}
	}
	return plan.Observation{}
}

// A Job that the fence finds has started, and goes on.
func TestLossFindsWhatStarted(t *testing.T) {
	p, err := newClaims(nil).Prepare(t.Context(), execution, fromTemplate(templateSpec), makeStarts("u"), now)
	if err != nil {
		t.Fatal(err)
	}
	o := p.Complete(map[plan.ActionKey]plan.Observation{mounting: {Phase: plan.PhaseRunning, UID: "j"}})[mounting]
	if o.Phase != plan.PhaseRunning || o.UID != "j" {
		t.Errorf("observed %+v", o)
	}
}

// No claim is created or read if nothing is to start that mounts it, as after a stop.
func TestNothingIsCreatedWithoutAStart(t *testing.T) {
	for _, kind := range []plan.OperationType{plan.OperationFence, plan.OperationObserve, plan.OperationTerminate, plan.OperationOrphan} {
		c := newClaims(nil)
		operations := makeStarts("")[:1]
		operations[0].Type = kind
		p, err := c.Prepare(t.Context(), execution, fromTemplate(templateSpec), operations, now)
		if err != nil || p.UID != "" || len(p.Operations) != 1 || p.Operations[0].Type != kind {
			t.Errorf("%v: %+v, %v", kind, p, err)
		}
		if claims := listClaims(t, c); len(claims) > 0 {
			t.Errorf("%v: created %v", kind, claims)
		}
	}
}

// The claim goes with its execution, and has the labels of the template except ours.
func TestClaimIsOwned(t *testing.T) {
	c := newClaims(nil)
	if _, err := c.Prepare(t.Context(), execution, fromTemplate(templateSpec), makeStarts(""), now); err != nil {
		t.Fatal(err)
	}
	claims := listClaims(t, c)
	if len(claims) != 1 {
		t.Fatalf("%d claims", len(claims))
	}
	owner := metav1.GetControllerOf(&claims[0])
	if owner == nil || owner.UID != execution.UID || owner.BlockOwnerDeletion == nil || !*owner.BlockOwnerDeletion {
		t.Errorf("owner %+v", owner)
	}
	if l := claims[0].Labels; l["team"] != "a" || l[v1alpha1.LabelExecutionID] != "e-uid" {
		t.Errorf("labels %v", l)
	}
	if size := claims[0].Spec.Resources.Requests.Storage(); size.String() != "1Gi" {
		t.Errorf("size %v", size)
	}
}

func listClaims(t *testing.T, c *Claims) []corev1.PersistentVolumeClaim {
	t.Helper()
	list := &corev1.PersistentVolumeClaimList{}
	if err := c.Client.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// What the API server may answer otherwise later is tried again, and is expected.
func TestRefusalsThatPassArePending(t *testing.T) {
	_, err := newClaims(overQuota).Prepare(t.Context(), execution, fromTemplate(templateSpec), makeStarts(""), now)
	if !action.IsPending(err) || !strings.Contains(err.Error(), "exceeded quota") {
		t.Errorf("%v", err)
	}
}

// A template is refused before it is decoded if it is too large, or if a quantity takes too long.
func TestFindProblem(t *testing.T) {
	for name, tt := range map[string]struct{ spec, want string }{
		"valid":         {templateSpec, ""},
		"unknown field": {`{"accesModes":[]}`, "accesModes"},
		"not an object": {`"1Gi"`, "spec.workspace.volumeClaimTemplate.spec"},
		"huge quantity": {`{"resources":{"requests":{"storage":"1e999999999"}}}`, "quantity"},
		"too large":     {`{"volumeName":"` + strings.Repeat("v", maxTemplateSize) + `"}`, "Too long"},
	} {
		problem := FindProblem(fromTemplate(tt.spec).Workspace)
		if (problem == nil) != (tt.want == "") || problem != nil && !strings.Contains(problem.Message, tt.want) {
			t.Errorf("%s: %+v", name, problem)
		}
	}
	if problem := FindProblem(nil); problem != nil {
		t.Errorf("no workspace: %+v", problem)
	}
}

// An action whose pod cannot be scheduled shows how its claim is, and what the last event about it says, unless the claim is bound.
func TestExplain(t *testing.T) {
	pending := func(claim *corev1.PersistentVolumeClaim) { claim.Status.Phase = corev1.ClaimPending }
	bound := func(claim *corev1.PersistentVolumeClaim) { claim.Status.Phase = corev1.ClaimBound }
	event := func(name string, minute int, message string) *corev1.Event {
		return &corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name}, InvolvedObject: corev1.ObjectReference{UID: "u"},
			Reason: "ProvisioningFailed", Message: message, LastTimestamp: metav1.NewTime(now.Add(time.Duration(minute) * time.Minute)),
		}
	}
	const unschedulable = "0/1 nodes are available."
	for _, tt := range []struct {
		name    string
		objects []client.Object
		reason  string
		want    string
	}{
		{"pending", []client.Object{makeClaim("u", pending)}, "Unschedulable",
			`PersistentVolumeClaim "web-1-claim" of the workspace is Pending. ` + unschedulable},
		{"pending with events", []client.Object{makeClaim("u", pending), event("b", 2, `storageclass "none" not found`), event("a", 1, "older")}, "Unschedulable",
			`PersistentVolumeClaim "web-1-claim" of the workspace is Pending: ProvisioningFailed: storageclass "none" not found. ` + unschedulable},
		{"gone", nil, "Unschedulable", `PersistentVolumeClaim "web-1-claim" of the workspace is gone. ` + unschedulable},
		{"bound", []client.Object{makeClaim("u", bound)}, "Unschedulable", unschedulable},
		{"kept by something else", []client.Object{makeClaim("u", pending)}, "ImagePullBackOff", unschedulable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			operations := makeStarts("u")[:1]
			operations[0].Type = plan.OperationObserve
			observed := map[plan.ActionKey]plan.Observation{mounting: {Phase: plan.PhaseRunning, Reason: tt.reason, Message: unschedulable}}
			c := newClaims(nil, tt.objects...)
			if err := c.Explain(t.Context(), execution, operations, observed); err != nil {
				t.Fatal(err)
			}
			if got := observed[mounting].Message; got != tt.want {
				t.Errorf("message %q", got)
			}
			operations[0].Message = observed[mounting].Message
			if err := c.Explain(t.Context(), execution, operations, observed); err != nil || observed[mounting].Message != tt.want {
				t.Errorf("a message that was kept became %q, %v", observed[mounting].Message, err)
			}
		})
	}
}

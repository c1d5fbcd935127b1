// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestSchemaWorkspace(t *testing.T) {
	t.Parallel()
	const workspace = "spec.workspace"
	const path = workspace + ".mountPath"
	const refused = "mountPath must be an absolute path other than /"
	withWorkspace := func(ns string) manifest {
		o := goodPipeline(ns)
		setField(o.Object, workspace, map[string]any{"claimName": "data", "mountPath": "/data"})
		return o
	}
	testSchema(t, withWorkspace, []schemaCase{
		{name: "a deeper path", field: path, value: "/a/b.c/..d"},
		{name: "the root", field: path, value: "//", refused: refused},
		{name: "a relative path", field: path, value: "work", refused: refused},
		{name: "a colon", field: path, value: "/a:b", refused: refused},
		{name: "a way out", field: path, value: "/a/../..", refused: refused},
		{name: "a path of 1024 characters", field: path, value: "/" + strings.Repeat("a", 1023)},
		{name: "a path of 1025 characters", field: path, value: "/" + strings.Repeat("a", 1024), refused: "may not be more than 1024"},
		{name: "no claim at all", field: workspace, value: map[string]any{"mountPath": "/data"}, refused: "exactly one of the fields"},
		{name: "both claims", field: workspace, value: map[string]any{
			"claimName": "data", "volumeClaimTemplate": map[string]any{"spec": map[string]any{}}, "mountPath": "/data",
		}, refused: "exactly one of the fields"},
		{name: "a claim with a capital", field: workspace + ".claimName", value: "Data", refused: "should match"},
		{name: "an action without it", field: actionField + ".workspace", value: "None"},
		{name: "an action with something else", field: actionField + ".workspace", value: "Some", refused: "Unsupported value"},
	})
}

const claimSpec = `{"accessModes":["ReadWriteOnce"],"storageClassName":"","resources":{"requests":{"storage":"1Mi"}}}`

func withoutWorkspace(a *v1alpha1.Action, _ *batchv1.JobSpec) { a.Workspace = v1alpha1.WorkspaceNone }

// newWorkspacePipeline returns a Pipeline whose executions get a claim of a spec.
func newWorkspacePipeline(ns, name, spec string, stages ...v1alpha1.Stage) *v1alpha1.Pipeline {
	pipeline := builders.Pipeline(ns, name, stages...)
	pipeline.Spec.Workspace = &v1alpha1.Workspace{MountPath: "/data", VolumeClaimTemplate: &v1alpha1.VolumeClaimTemplate{
		Metadata: v1alpha1.VolumeClaimTemplateMetadata{Labels: map[string]string{"team": "a"}}, Spec: runtime.RawExtension{Raw: []byte(spec)},
	}}
	return pipeline
}

// listClaims returns the claims of a namespace.
func listClaims(t *testing.T, ns string) []corev1.PersistentVolumeClaim {
	t.Helper()
	list := &corev1.PersistentVolumeClaimList{}
	NewWithT(t).Expect(k8s.List(t.Context(), list, client.InNamespace(ns))).To(Succeed())
	return list.Items
}

func TestEachExecutionGetsAClaim(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := createObject(t, newWorkspacePipeline(ns, "web", claimSpec, builders.Stage("Notify", builders.Action("notify", withoutWorkspace)),
		builders.Stage("Build", builders.Action("compile")), builders.Stage("Test", builders.Action("test"))))
	g.Eventually(func() bool { return isConditionTrue(refreshObject(t, pipeline), v1alpha1.ConditionReady) }, timeout, interval).Should(BeTrue())
	execution := createExecution(t, ns, "web")
	g.Expect(waitForRunning(t, execution, "notify").Spec.Volumes).NotTo(ContainElement(HaveField("Name", v1alpha1.WorkspaceVolume)))
	g.Expect(listClaims(t, ns)).To(BeEmpty(), "nothing mounts the claim yet")
	finishAction(t, execution, "notify", corev1.PodSucceeded)

	pod := waitForRunning(t, execution, "compile")
	g.Expect(pod.Spec.Containers[0].VolumeMounts).To(ContainElement(corev1.VolumeMount{Name: v1alpha1.WorkspaceVolume, MountPath: "/data"}))
	claims := listClaims(t, ns)
	g.Expect(claims).To(HaveLen(1))
	g.Expect(metav1.IsControlledBy(&claims[0], execution)).To(BeTrue())
	g.Expect(claims[0].Labels).To(HaveKeyWithValue("team", "a"))
	g.Expect(refreshObject(t, execution).Status.Workspace).To(Equal(&v1alpha1.WorkspaceStatus{ClaimName: claims[0].Name, UID: string(claims[0].UID)}))
	g.Expect(pod.Spec.Volumes).To(ContainElement(HaveField("PersistentVolumeClaim", &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claims[0].Name})))

	// Whoever deletes the claim does not get a later action run with an empty one.
	g.Expect(k8s.Patch(t.Context(), &claims[0], client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
	g.Expect(k8s.Delete(t.Context(), &claims[0])).To(Succeed())
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	expectNotReady(t, execution, v1alpha1.ReasonActionFailed, v1alpha1.ReasonWorkspaceLost, claims[0].Name)
	for _, left := range listClaims(t, ns) {
		g.Expect(left.UID).To(Equal(claims[0].UID), "no other claim took its place")
	}
}

func TestAClaimThatIsNamedMustBeThere(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := builders.Pipeline(ns, "web", builders.Stage("Build", builders.Action("compile")))
	pipeline.Spec.Workspace = &v1alpha1.Workspace{ClaimName: "data", MountPath: "/data"}
	createObject(t, pipeline)
	early := createExecution(t, ns, "web")
	waitForState(t, early, v1alpha1.ExecutionFailed)
	expectNotReady(t, early, v1alpha1.ReasonActionFailed, v1alpha1.ReasonWorkspaceNotFound, "spec.workspace.claimName", `"data"`)

	claim := createObject(t, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "data"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: ptr.To(""),
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
		},
	})
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "compile")
	g.Expect(refreshObject(t, execution).Status.Workspace.UID).To(Equal(string(claim.UID)))
	g.Expect(refreshObject(t, claim).OwnerReferences).To(BeEmpty())
}

func TestAWorkspaceThatCannotWorkMakesThePipelineNotReady(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	volume := builders.EditJob(func(spec *batchv1.JobSpec) {
		spec.Template.Spec.Volumes = []corev1.Volume{{Name: v1alpha1.WorkspaceVolume}}
	})
	mount := builders.EditJob(func(spec *batchv1.JobSpec) {
		spec.Template.Spec.Volumes = []corev1.Volume{{Name: "mine"}}
		spec.Template.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "mine", MountPath: "/data/"}}
	})
	for name, c := range map[string]struct {
		spec     string
		action   v1alpha1.Action
		reason   string
		mentions []string
	}{
		"no-access-mode": {`{"resources":{"requests":{"storage":"1Mi"}}}`, builders.Action("a"), v1alpha1.ReasonInvalidWorkspace,
			[]string{"spec.workspace.volumeClaimTemplate", "spec.accessModes"}},
		"unknown-field": {`{"acessModes":[]}`, builders.Action("a"), v1alpha1.ReasonInvalidWorkspace, []string{"spec.workspace.volumeClaimTemplate.spec", "acessModes"}},
		"volume-name":   {claimSpec, builders.Action("a", volume), v1alpha1.ReasonInvalidJobTemplate, []string{"volumes[0].name", v1alpha1.WorkspaceVolume}},
		"mount-path":    {claimSpec, builders.Action("a", mount), v1alpha1.ReasonInvalidJobTemplate, []string{"volumeMounts[0].mountPath", "spec.workspace.mountPath"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pipeline := createObject(t, newWorkspacePipeline(ns, name, c.spec, builders.Stage("Build", c.action)))
			expectNotReady(t, pipeline, c.reason, c.mentions...)
		})
	}
}

// A quota keeps the claim from being created: that is shown, and tried again.
func TestAQuotaOfClaimsIsShown(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	quota := createObject(t, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "none"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePersistentVolumeClaims: resource.MustParse("0")}},
	})
	g.Eventually(func() bool { return refreshObject(t, quota).Status.Hard != nil }, timeout, interval).Should(BeTrue())
	createObject(t, newWorkspacePipeline(ns, "web", claimSpec, builders.Stage("Build", builders.Action("compile"))))
	execution := createExecution(t, ns, "web")
	expectNotReady(t, execution, v1alpha1.ReasonStartBlocked, "PersistentVolumeClaim", "exceeded quota")
	g.Expect(k8s.Delete(t.Context(), quota)).To(Succeed())
	waitForRunning(t, execution, "compile")
}

func TestWhoWritesAVolumeClaimTemplateMustBeAllowedToCreateClaims(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	author := []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"pipelines"}, Verbs: []string{"*"}},
		{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"create"}},
	}
	claims := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"persistentvolumeclaims"}, Verbs: []string{"create"}}
	small, allowed := clientWithRules(t, ns, "small", author...), clientWithRules(t, ns, "allowed", append(author, claims)...)
	templated := newWorkspacePipeline(ns, "web", claimSpec, builders.Stage("Build", builders.Action("compile")))
	named := templated.DeepCopy()
	named.Spec.Workspace = &v1alpha1.Workspace{ClaimName: "data", MountPath: "/data"}
	expectForbidden(g, small.Create(t.Context(), templated.DeepCopy()), "spec.workspace.volumeClaimTemplate: each execution gets a PersistentVolumeClaim, and user small")
	g.Expect(allowed.Create(t.Context(), templated.DeepCopy(), client.DryRunAll)).To(Succeed())
	g.Expect(small.Create(t.Context(), named, client.DryRunAll)).To(Succeed())
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/requester"
	"haltline.dev/haltline/test/apiserver"
)

// startWebhook serves the webhook of config/components/webhook, with the rights of that component. If the policies stamp, it is for
// the namespaces with labelWebhook alone.
func startWebhook(ctx context.Context, doPoliciesStamp bool) error {
	address, err := apiserver.FreeAddress(ctx)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "haltline-webhook-")
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = os.RemoveAll(folder) })
	if err := installWebhook(ctx, address.Port, doPoliciesStamp); err != nil {
		return err
	}
	options := &requester.Options{BindAddress: address.String(), CertDir: folder, Name: "haltline-requester", Namespace: "haltline-system"}
	asOperator := cluster.ConfigAs(operatorUser)
	mgr, err := ctrl.NewManager(asOperator, ctrl.Options{Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}})
	if err != nil {
		return err
	}
	if err := requester.Setup(mgr, options); err != nil {
		return err
	}
	go func() {
		if err := mgr.Start(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "the webhook ended:", err)
		}
	}()
	return nil
}

// installWebhook creates the objects of the component, for a webhook at a port of this machine.
func installWebhook(ctx context.Context, port int, doPoliciesStamp bool) error {
	if err := k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "haltline-system"}}); err != nil {
		return err
	}
	selectNamespaces := func(object *unstructured.Unstructured) error {
		webhooks, isConfiguration, err := unstructured.NestedSlice(object.Object, "webhooks")
		if err != nil || !isConfiguration {
			return err
		}
		expressions := []any{without(labelUnstamped)}
		if doPoliciesStamp {
			expressions = append(expressions, map[string]any{"key": labelWebhook, "operator": "Exists"})
		}
		if err := setSelector(webhooks[0].(map[string]any), expressions, "namespaceSelector"); err != nil {
			return err
		}
		return unstructured.SetNestedSlice(object.Object, webhooks, "webhooks")
	}
	for _, name := range []string{"role", "role_binding", "cluster_role", "cluster_role_binding", "secret", "service", "webhook"} {
		if err := cluster.CreateAll(ctx, "components/webhook/"+name+".yaml", apiserver.RouteToThisMachine(port), selectNamespaces); err != nil {
			return err
		}
	}
	return nil
}

// stampCase is a write, and what comes of it.
type stampCase struct {
	name string
	user string
	// edit changes a good object without a name, which has the field.
	edit func(object map[string]any, field string)
	// replaces is who created the object that is replaced, or nothing for a new one.
	replaces string
	want     string
	refused  string
}

func leave(map[string]any, string) {}

func setName(value any) func(map[string]any, string) {
	return func(object map[string]any, field string) { object["spec"].(map[string]any)[field] = value }
}

func setSpec(value any) func(map[string]any, string) {
	return func(object map[string]any, _ string) { object["spec"] = value }
}

var stampCases = []stampCase{
	{name: "no name", user: "alice", edit: leave, want: "alice"},
	{name: "an empty name", user: "alice", edit: setName(""), want: "alice"},
	{name: "the own name", user: "alice", edit: setName("alice"), want: "alice"},
	{name: "somebody else's name", user: "alice", edit: setName("bob"), refused: "must be left out, or be alice"},
	{name: "a name of 256 characters", user: strings.Repeat("é", 256), edit: leave, want: strings.Repeat("é", 256)},
	{name: "a longer name", user: strings.Repeat("é", 300), edit: leave, want: strings.Repeat("é", 256)},
	{name: "control characters", user: "bob\u009b31m\ttab\u202eénd\u2028", edit: leave, want: "bob 31m tab énd "},
	{name: "a control character at the cut", user: strings.Repeat("a", 255) + "\u0085\u0085", edit: leave, want: strings.Repeat("a", 255) + " "},
	{name: "a service account", user: "system:serviceaccount:ci:deployer", edit: leave, want: "system:serviceaccount:ci:deployer"},
	{name: "a name that is a number", user: "alice", edit: setName(int64(7)), refused: "must be of type string"},
	{name: "a name that is null", user: "alice", edit: setName(nil), want: "alice"}, // the API server has dropped it before
	{name: "a spec that is text", user: "alice", edit: setSpec("wait"), refused: "must be of type object"},
	{name: "a spec that is a list", user: "alice", edit: setSpec([]any{}), refused: "must be of type object"},
	{name: "a spec that is null", user: "alice", edit: setSpec(nil), refused: "spec"},
	{name: "no spec", user: "alice", edit: func(object map[string]any, _ string) { delete(object, "spec") }, refused: "spec"},
	{name: "replaced without a name", user: "bob", edit: leave, replaces: "alice", want: "alice"},
	{name: "replaced with an empty name", user: "bob", edit: setName(""), replaces: "alice", want: "alice"},
	{name: "replaced with the same name", user: "bob", edit: setName("alice"), replaces: "alice", want: "alice"},
	{name: "replaced with another name", user: "bob", edit: setName("bob"), replaces: "alice", refused: "is immutable"},
}

// The same table is tried where the policies stamp and where the webhook does. On an API server without the policies, both are the webhook.
func TestTheWebhookStampsAsThePoliciesDo(t *testing.T) {
	t.Parallel()
	policies := createNamespace(t)
	webhook := labelNamespace(t, createNamespace(t), labelWebhook)
	for _, namespace := range []string{policies, webhook} {
		letPeopleWrite(t, namespace)
	}
	waitForStampsOfWebhook(t, webhook)
	kinds := map[string]func(string) manifest{"requestedBy": goodStopRequest, "startedBy": goodExecution, "decidedBy": goodApprovalResult}
	for field, good := range kinds {
		for i, tt := range stampCases {
			t.Run(field+"/"+tt.name, func(t *testing.T) {
				name := fmt.Sprintf("web-%d", i)
				byPolicy, policyError := tt.write(t, good(policies), name, field)
				byWebhook, webhookError := tt.write(t, good(webhook), name, field)
				g := NewWithT(t)
				g.Expect(byWebhook).To(Equal(byPolicy))
				g.Expect(strings.ReplaceAll(webhookError, webhook, policies)).To(Equal(policyError))
				g.Expect(byPolicy).To(Equal(tt.want))
				if tt.refused == "" {
					g.Expect(policyError).To(BeEmpty())
				} else {
					g.Expect(policyError).To(ContainSubstring(tt.refused))
				}
			})
		}
	}
}

// people is the group of the users of the table. They may write, and not restore.
const people = "people"

func letPeopleWrite(t *testing.T, namespace string) {
	t.Helper()
	name := metav1.ObjectMeta{Namespace: namespace, Name: people}
	createObject(t, &rbacv1.Role{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.GroupVersion.Group},
		Resources: []string{"stoprequests", "pipelineexecutions", "approvalresults"},
		Verbs:     []string{"create", "get", "update", "stop", "abandon", "approve"},
	}}})
	createObject(t, &rbacv1.RoleBinding{
		ObjectMeta: name,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: people},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: people}},
	})
	alice, err := cluster.ClientAs("alice", people)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Eventually(func() error { return alice.Create(t.Context(), goodStopRequest(namespace), client.DryRunAll) }, timeout, interval).Should(Succeed())
}

// write returns who created the object by what is stored, and why it was refused.
func (tt *stampCase) write(t *testing.T, object manifest, name, field string) (stored, refused string) {
	t.Helper()
	g := NewWithT(t)
	user, err := cluster.ClientAs(tt.user, people)
	g.Expect(err).NotTo(HaveOccurred())
	object.SetName(name)
	if tt.replaces == "" {
		tt.edit(object.Object, field)
		err = user.Create(t.Context(), object, client.DryRunAll)
	} else {
		creator, creatorErr := cluster.ClientAs(tt.replaces, people)
		g.Expect(creatorErr).NotTo(HaveOccurred())
		g.Expect(creator.Create(t.Context(), object)).To(Succeed())
		// The operator writes its status meanwhile.
		err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			g.Expect(user.Get(t.Context(), client.ObjectKeyFromObject(object), object)).To(Succeed())
			delete(object.Object["spec"].(map[string]any), field)
			tt.edit(object.Object, field)
			return user.Update(t.Context(), object, client.DryRunAll)
		})
	}
	if err != nil {
		return "", err.Error()
	}
	return userOf(t, object, field), ""
}

// waitForStampsOfWebhook waits until the API server has learned that the webhook stamps in a namespace. If a policy still stamped there, the
// webhook would not be asked.
func waitForStampsOfWebhook(t *testing.T, namespace string) {
	t.Helper()
	before := countAnswers(t)
	NewWithT(t).Eventually(func(g Gomega) {
		g.Expect(k8s.Create(t.Context(), goodExecution(namespace), client.DryRunAll)).To(Succeed())
		g.Expect(countAnswers(t)).To(BeNumerically(">", before))
	}, timeout, interval).Should(Succeed())
}

// countAnswers returns how often the webhook has answered.
func countAnswers(t *testing.T) float64 {
	t.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	count := 0.0
	for _, family := range families {
		if family.GetName() == "controller_runtime_webhook_requests_total" {
			for _, metric := range family.GetMetric() {
				count += metric.GetCounter().GetValue()
			}
		}
	}
	return count
}

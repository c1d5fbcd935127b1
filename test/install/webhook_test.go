// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/pages"
)

// webhookKey names the Secret and the Service of the webhook. Its configuration has the same name.
var webhookKey = client.ObjectKey{Namespace: "haltline-system", Name: "haltline-requester"}

// Two replicas with the flags and the rights of config/webhook stamp while one of them is gone, after both have been started again, and
// after their certificate has been lost. While none answers, a stop is refused, and everything else goes on.
func TestTheWebhookStampsWhileAReplicaAnswers(t *testing.T) {
	g := NewWithT(t)
	service := startService(t)
	flags := installWebhook(t, service.port())
	ns := createTestNamespace(t)

	_, err := cluster.StampRequester(t.Context(), ns, "alice")
	g.Expect(err).To(MatchError(And(ContainSubstring("operator-must-answer.pipelines.haltline.dev"), ContainSubstring(webhookKey.Name+"."+webhookKey.Namespace+".svc"))))
	g.Expect(cluster.Client.Create(t.Context(), builders.Pipeline(ns, "web", builders.Stage("Build", builders.Action("compile"))))).To(
		Succeed(), "nobody is asked about other kinds")

	first, second := startReplica(t, flags), startReplica(t, flags)
	service.leadTo(first, second)
	expectStamped(t, ns)
	execution := builders.Execution(ns, "web")
	g.Expect(cluster.Client.Create(t.Context(), execution)).To(Succeed())
	g.Eventually(func() bool { return isRunning(t, execution) }, timeout, interval).Should(BeTrue(), first.Log.String)
	sr := builders.StopAndAbandon(execution)
	g.Expect(cluster.Client.Create(t.Context(), sr)).To(Succeed())

	// What the operator writes itself does not pass the webhook.
	service.leadTo()
	g.Eventually(func() bool {
		g.Expect(cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(sr), sr)).To(Succeed())
		return meta.IsStatusConditionTrue(sr.Status.Conditions, v1alpha1.ConditionStopped)
	}, timeout, interval).Should(BeTrue(), first.Log.String)
	_, err = cluster.StampRequester(t.Context(), ns, "alice")
	g.Expect(err).To(MatchError(ContainSubstring("failed calling webhook")))

	service.leadTo(first, second)
	first.Kill()
	expectStamped(t, ns)
	second.Kill()
	third, fourth := startReplica(t, flags), startReplica(t, flags)
	service.leadTo(third, fourth)
	expectStamped(t, ns)
	for _, change := range []func(*testing.T){loseCertificate, letCertificateExpire} {
		change(t)
		expectServed(t, third)
		expectServed(t, fourth)
		expectStamped(t, ns)
	}
	for _, o := range []*replica{first, second, third, fourth} {
		g.Expect(o.Log.String()).NotTo(ContainSubstring("is forbidden"))
	}
}

// A replica is ready when it has its certificate, and not before.
func TestAReplicaOfTheWebhookIsReadyWhenItHasItsCertificate(t *testing.T) {
	g := NewWithT(t)
	flags := installWebhook(t, 1)
	binding := &rbacv1.RoleBinding{}
	g.Expect(cluster.Client.Get(t.Context(), webhookKey, binding)).To(Succeed())
	g.Expect(cluster.Client.Delete(t.Context(), binding)).To(Succeed())
	r := newReplica(t, flags)
	g.Eventually(func() string { return readiness(r) }, timeout, interval).Should(ContainSubstring("requester-webhook failed"))
	g.Eventually(r.Log.String, timeout, interval).Should(ContainSubstring(`secrets \"haltline-requester\" is forbidden`))
	g.Expect(readiness(r)).NotTo(Equal("ok"))
	binding.ObjectMeta = metav1.ObjectMeta{Namespace: webhookKey.Namespace, Name: webhookKey.Name}
	g.Expect(cluster.Client.Create(t.Context(), binding)).To(Succeed())
	g.Eventually(func() string { return readiness(r) }, timeout, interval).Should(Equal("ok"), r.Log.String)
}

// With the rights of config/webhook the operator reads one Secret, and lists none but this.
func TestWithTheWebhookTheOperatorReadsOneSecret(t *testing.T) {
	g := NewWithT(t)
	installWebhook(t, 1)
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: webhookKey.Namespace, Name: "other"}}
	g.Expect(client.IgnoreAlreadyExists(cluster.Client.Create(t.Context(), other))).To(Succeed())
	operator, err := cluster.ClientAs(account)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(func() error { return operator.Get(t.Context(), webhookKey, &corev1.Secret{}) }, timeout, interval).Should(Succeed())
	g.Expect(operator.List(t.Context(), &corev1.SecretList{}, client.InNamespace(webhookKey.Namespace),
		client.MatchingFields{"metadata.name": webhookKey.Name})).To(Succeed())
	for name, err := range map[string]error{
		"get another":                 operator.Get(t.Context(), client.ObjectKeyFromObject(other), &corev1.Secret{}),
		"list all":                    operator.List(t.Context(), &corev1.SecretList{}, client.InNamespace(webhookKey.Namespace)),
		"create one":                  operator.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: webhookKey.Namespace, Name: "third"}}),
		"delete it":                   operator.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: webhookKey.Namespace, Name: webhookKey.Name}}),
		"list the webhooks of others": operator.List(t.Context(), &admissionregistrationv1.MutatingWebhookConfigurationList{}),
	} {
		g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", name, err)
	}
}

// Whoever has the operator's token can tell the API server of another authority, and cannot have it ask about anything else, nor ask
// somebody else.
func TestTheOperatorsTokenChangesOnlyTheAuthorityOfItsWebhook(t *testing.T) {
	g := NewWithT(t)
	installWebhook(t, 1)
	operator, err := cluster.ClientAs(account)
	g.Expect(err).NotTo(HaveOccurred())
	update := func(edit func(*admissionregistrationv1.MutatingWebhookConfiguration), options ...client.UpdateOption) error {
		configuration := &admissionregistrationv1.MutatingWebhookConfiguration{}
		if err := operator.Get(t.Context(), client.ObjectKey{Name: webhookKey.Name}, configuration); err != nil {
			return err
		}
		edit(configuration)
		return operator.Update(t.Context(), configuration, options...)
	}
	const inForce = "the operator changes only the clientConfig.caBundle"
	rules := func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
		c.Webhooks[0].Rules[0].APIGroups, c.Webhooks[0].Rules[0].Resources = []string{"*"}, []string{"*/*"}
	}
	g.Eventually(func() error { return update(rules, client.DryRunAll) }, timeout, interval).Should(MatchError(ContainSubstring(inForce)))

	for name, attack := range map[string]struct {
		edit func(*admissionregistrationv1.MutatingWebhookConfiguration)
		want string
	}{
		"rules": {rules, inForce},
		"address": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].ClientConfig = admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://127.0.0.1:9/")}
		}, inForce},
		"Service": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].ClientConfig.Service.Namespace = "elsewhere"
		}, inForce},
		"path": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].ClientConfig.Service.Path = ptr.To("/other")
		}, inForce},
		"failurePolicy": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].FailurePolicy = ptr.To(admissionregistrationv1.Ignore)
		}, inForce},
		"matchPolicy": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].MatchPolicy = ptr.To(admissionregistrationv1.Exact)
		}, inForce},
		"namespaceSelector": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		}, inForce},
		"objectSelector": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		}, inForce},
		"matchConditions": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].MatchConditions = nil
		}, inForce},
		"reinvocationPolicy": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].ReinvocationPolicy = ptr.To(admissionregistrationv1.IfNeededReinvocationPolicy)
		}, inForce},
		"sideEffects": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].SideEffects = ptr.To(admissionregistrationv1.SideEffectClassNoneOnDryRun)
		}, inForce},
		"timeoutSeconds": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].TimeoutSeconds = ptr.To[int32](30)
		}, inForce},
		"admissionReviewVersions": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].AdmissionReviewVersions = []string{"v1", "v1beta1"}
		}, inForce},
		"another webhook": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			added := c.Webhooks[0].DeepCopy()
			added.Name = "added.example.com"
			c.Webhooks = append(c.Webhooks, *added)
		}, "adds, removes and renames no webhooks"},
		"another name": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].Name = "renamed.example.com"
		}, "adds, removes and renames no webhooks"},
		"no webhook": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks = nil
		}, "adds, removes and renames no webhooks"},
		"an owner": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Namespace", Name: "gone", UID: "00000000-0000-4000-8000-000000000000"}}
		}, "is forbidden"}, // by the policy, or by the API server, which may check owners before
		"a finalizer": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Finalizers = []string{"example.com/hold"}
		}, "changes no metadata"},
		"a label": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) { c.Labels["a"] = "b" }, "changes no metadata"},
		"an annotation": {func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Annotations = map[string]string{"a": "b"}
		}, "changes no metadata"},
	} {
		err := update(attack.edit)
		g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", name, err)
		g.Expect(err).To(MatchError(ContainSubstring(attack.want)), name)
	}

	authority := makeAuthority(t)
	g.Expect(update(func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
		c.Webhooks[0].ClientConfig.CABundle = authority
	})).To(Succeed())
}

// makeAuthority returns a certificate of an authority.
func makeAuthority(t *testing.T) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
}

// The page shows how to find out whether the webhook is needed, and what to do if no replica can be brought back.
func TestThePageOnTheWebhook(t *testing.T) {
	g := NewWithT(t)
	page, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), "docs", "installing.md"))
	g.Expect(err).NotTo(HaveOccurred())
	section := pages.Section(string(page), "A cluster without MutatingAdmissionPolicy")
	hasMutating, err := cluster.HasMutatingPolicies()
	g.Expect(err).NotTo(HaveOccurred())
	output, err := apiserver.RunShell(t.Context(), cluster.Kubeconfig, pages.BlocksOf(section, "sh")[1])
	g.Expect(err == nil).To(Equal(hasMutating), output)

	installWebhook(t, 1)
	ns := createTestNamespace(t)
	_, refused := cluster.StampRequester(t.Context(), ns, "alice")
	shown, _, _ := strings.Cut(pages.BlocksOf(section, "text")[0], ":")
	g.Expect(refused).To(MatchError(ContainSubstring(shown)))
	const remove = "kubectl delete mutatingwebhookconfiguration haltline-requester"
	g.Expect(section).To(ContainSubstring("`" + remove + "`"))
	output, err = apiserver.RunShell(t.Context(), cluster.Kubeconfig, remove)
	g.Expect(err).NotTo(HaveOccurred(), output)
	g.Eventually(func(g Gomega) { g.Expect(cluster.StampRequester(t.Context(), ns, "alice")).To(BeEmpty()) }, timeout, interval).Should(Succeed())
}

// installWebhook installs config/webhook until the test ends, with a Service that leads to a port of this machine. It returns the flags
// of the operator.
func installWebhook(t *testing.T, port int) []string {
	t.Helper()
	g := NewWithT(t)
	objects, _ := build(t, "webhook")
	list := map[string]any{"apiVersion": "v1", "kind": "List"}
	var items []any
	for _, object := range objects {
		g.Expect(apiserver.RouteToThisMachine(port)(object)).To(Succeed())
		items = append(items, object.Object)
	}
	list["items"] = items
	text, err := json.Marshal(list)
	g.Expect(err).NotTo(HaveOccurred())
	kubectl(t, "", "delete", "--ignore-not-found", "-n", webhookKey.Namespace, "service/"+webhookKey.Name, "secret/"+webhookKey.Name)
	kubectl(t, string(text), "apply", "--server-side", "--force-conflicts", "-f", "-")
	// Other installations have left their policies, which would stamp before the webhook is asked.
	if hasMutating, err := cluster.HasMutatingPolicies(); err != nil || hasMutating {
		kubectl(t, "", "delete", "mutatingadmissionpolicybindings", "--all")
	}
	t.Cleanup(func() {
		configuration := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: webhookKey.Name}}
		NewWithT(t).Expect(client.IgnoreNotFound(cluster.Client.Delete(context.Background(), configuration))).To(Succeed())
	})
	// An API server learns of a webhook some time after it was configured.
	g.Eventually(func() error {
		_, err := cluster.StampRequester(t.Context(), metav1.NamespaceDefault, "alice")
		return err
	}, timeout, interval).Should(MatchError(ContainSubstring("operator-must-answer")))
	return find[appsv1.Deployment](t, objects, "Deployment", "haltline-manager").Spec.Template.Spec.Containers[0].Args
}

// replica is an operator that serves the webhook at an address of its own.
type replica struct {
	*apiserver.Operator
	webhook, probes, folder string
}

// newReplica starts a replica, which may not be ready yet.
func newReplica(t *testing.T, flags []string) *replica {
	t.Helper()
	r := &replica{webhook: freeAddress(t), probes: freeAddress(t), folder: t.TempDir()}
	r.Operator = startOperator(t, append(slices.Clone(flags),
		"--metrics-bind-address=0", "--leader-election-namespace="+webhookKey.Namespace, "--health-probe-bind-address="+r.probes,
		"--requester-webhook-bind-address="+r.webhook, "--requester-webhook-cert-dir="+r.folder, "--requester-webhook-namespace="+webhookKey.Namespace))
	return r
}

// startReplica starts a replica, and waits until it is ready.
func startReplica(t *testing.T, flags []string) *replica {
	t.Helper()
	r := newReplica(t, flags)
	NewWithT(t).Eventually(func() string { return readiness(r) }, timeout, interval).Should(Equal("ok"), r.Log.String)
	return r
}

// readiness returns what /readyz answers, or why it does not.
func readiness(r *replica) string {
	response, err := http.Get("http://" + r.probes + "/readyz") //nolint:noctx // It is on this machine.
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// service stands in for a Service: it leads a connection to the first replica that takes it.
type service struct {
	listener    net.Listener
	lock        sync.Mutex
	replicas    []*replica
	connections []net.Conn
}

func startService(t *testing.T) *service {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = listener.Close() })
	s := &service{listener: listener}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go forward(connection, s.accept(connection))
		}
	}()
	return s
}

func (s *service) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// accept remembers a connection, and returns where it may lead.
func (s *service) accept(connection net.Conn) []*replica {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.connections = append(s.connections, connection)
	return s.replicas
}

// leadTo sets where new connections lead. Those that there are end, because the API server would keep them.
func (s *service) leadTo(replicas ...*replica) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.replicas = replicas
	for _, connection := range s.connections {
		_ = connection.Close()
	}
	s.connections = nil
}

// forward copies between a connection and a replica until one of them ends.
func forward(from net.Conn, replicas []*replica) {
	defer from.Close()
	to := dialOneOf(replicas)
	if to == nil {
		return
	}
	defer to.Close()
	ended := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			ended <- struct{}{}
		}()
	}
	<-ended
}

// dialOneOf connects to the first replica that answers. It returns nil if none does.
func dialOneOf(replicas []*replica) net.Conn {
	for _, r := range replicas {
		if to, err := net.Dial("tcp", r.webhook); err == nil { //nolint:noctx // It is on this machine.
			return to
		}
	}
	return nil
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := apiserver.FreeAddress(t.Context())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return address.String()
}

// createTestNamespace returns a new namespace.
func createTestNamespace(t *testing.T) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "webhook-"}}
	NewWithT(t).Expect(cluster.Client.Create(t.Context(), namespace)).To(Succeed())
	return namespace.Name
}

func expectStamped(t *testing.T, namespace string) {
	t.Helper()
	NewWithT(t).Eventually(func(g Gomega) { g.Expect(cluster.StampRequester(t.Context(), namespace, "alice")).To(Equal("alice")) }, timeout, interval).Should(Succeed())
}

// loseCertificate empties the Secret, and waits until the operator has made another authority and has told the API server of it.
func loseCertificate(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	secret := readSecret(t)
	old := secret.Data["ca.crt"]
	secret.Data = nil
	g.Expect(cluster.Client.Update(t.Context(), secret)).To(Succeed())
	g.Eventually(func(g Gomega) {
		current := readSecret(t).Data["ca.crt"]
		g.Expect(current).NotTo(Or(BeEmpty(), Equal(old)))
		configuration := &admissionregistrationv1.MutatingWebhookConfiguration{}
		g.Expect(cluster.Client.Get(t.Context(), client.ObjectKey{Name: webhookKey.Name}, configuration)).To(Succeed())
		g.Expect(configuration.Webhooks[0].ClientConfig.CABundle).To(Equal(current))
	}, timeout, interval).Should(Succeed())
}

// letCertificateExpire puts a certificate into the Secret that ends in an hour, and waits until the operator has renewed it under the
// same authority.
func letCertificateExpire(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	secret := readSecret(t)
	authority, err := tls.X509KeyPair(secret.Data["ca.crt"], secret.Data["ca.key"])
	g.Expect(err).NotTo(HaveOccurred())
	served, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	g.Expect(err).NotTo(HaveOccurred())
	template := *served.Leaf
	template.NotAfter = time.Now().Add(time.Hour)
	short, err := x509.CreateCertificate(rand.Reader, &template, authority.Leaf, template.PublicKey, authority.PrivateKey)
	g.Expect(err).NotTo(HaveOccurred())
	old := secret.Data["ca.crt"]
	secret.Data[corev1.TLSCertKey] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: short})
	g.Expect(cluster.Client.Update(t.Context(), secret)).To(Succeed())
	g.Eventually(func(g Gomega) {
		secret := readSecret(t)
		renewed, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(time.Until(renewed.Leaf.NotAfter)).To(BeNumerically(">", 24*time.Hour))
		g.Expect(secret.Data["ca.crt"]).To(Equal(old))
	}, timeout, interval).Should(Succeed())
}

// expectServed waits until a replica serves the certificate of the Secret.
func expectServed(t *testing.T, r *replica) {
	t.Helper()
	NewWithT(t).Eventually(func(g Gomega) {
		secret := readSecret(t)
		want, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
		g.Expect(err).NotTo(HaveOccurred())
		//nolint:gosec // The certificate is compared.
		connection, err := tls.Dial("tcp", r.webhook, &tls.Config{InsecureSkipVerify: true})
		g.Expect(err).NotTo(HaveOccurred())
		defer connection.Close()
		g.Expect(connection.ConnectionState().PeerCertificates[0].Raw).To(Equal(want.Certificate[0]))
	}, timeout, interval).Should(Succeed(), r.Log.String)
}

func readSecret(t *testing.T) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{}
	NewWithT(t).Expect(cluster.Client.Get(t.Context(), webhookKey, secret)).To(Succeed())
	return secret
}

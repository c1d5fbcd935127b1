// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	systemNamespace = "haltline-system"
	serviceAccount  = "haltline-manager"
	// operatorUser is who the operator is in the audit log.
	operatorUser = "system:serviceaccount:" + systemNamespace + ":" + serviceAccount
)

// install applies config/default without the Deployment: the operator runs as a process on this machine, with its own role.
func (c *cluster) install(t *testing.T) {
	t.Helper()
	manifests, err := c.kubectl("", "kustomize", filepath.Join("..", "..", "config", "default"))
	must(t, err)
	var kept []string
	for _, document := range strings.Split(manifests, "\n---\n") {
		if !strings.Contains("\n"+document, "\nkind: Deployment\n") {
			kept = append(kept, document)
		}
	}
	_, err = c.kubectl(strings.Join(kept, "\n---\n"), "apply", "-f", "-")
	must(t, err)
	_, err = c.kubectl("", "wait", "--for=condition=Established", "--timeout=60s",
		"crd/pipelines.pipelines.haltline.dev", "crd/pipelineexecutions.pipelines.haltline.dev", "crd/stoprequests.pipelines.haltline.dev",
		"crd/approvalresults.pipelines.haltline.dev")
	must(t, err)
	c.waitForPolicies(t)
}

// waitForPolicies waits until the API server knows the admission policies. Until then it refuses what they are about, or does not
// stamp who asked or who started.
func (c *cluster) waitForPolicies(t *testing.T) {
	t.Helper()
	execution := &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "trial", UID: unknownID},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: unknownPipeline},
	}
	sr, ar := stopAsk{}.newStopRequest(execution), resultAsk{}.newResult(execution)
	sr.Name, ar.Name, execution.UID = "trial", "trial", ""
	must(t, retry(t.Context(), func(ctx context.Context) error {
		started, asked, decided := execution.DeepCopy(), sr.DeepCopy(), ar.DeepCopy()
		err := errors.Join(c.k8s.Create(ctx, started, client.DryRunAll), c.k8s.Create(ctx, asked, client.DryRunAll),
			c.k8s.Create(ctx, decided, client.DryRunAll))
		if err == nil && (started.Spec.StartedBy == "" || asked.Spec.RequestedBy == "" || decided.Spec.DecidedBy == "") {
			err = errors.New("the policies do not stamp yet")
		}
		return err
	}))
}

// operatorConfig returns the operator's access, by a token of its service account.
func (c *cluster) operatorConfig(t *testing.T) *rest.Config {
	t.Helper()
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: serviceAccount}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: ptr.To(int64((12 * time.Hour).Seconds())),
	}}
	must(t, c.k8s.SubResource("token").Create(t.Context(), sa, request))
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken = request.Status.Token
	config.QPS, config.UserAgent = -1, ""
	return config
}

// kubeconfig writes a kubeconfig for the operator and returns its path. With a proxy it leads to the proxy, which alone has the
// token.
func (c *cluster) kubeconfig(t *testing.T, name, proxy string) string {
	t.Helper()
	config := c.operatorConfig(t)
	access := &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData, CertificateAuthority: config.CAFile}
	user := &clientcmdapi.AuthInfo{Token: config.BearerToken}
	if proxy != "" {
		access, user = &clientcmdapi.Cluster{Server: proxy}, &clientcmdapi.AuthInfo{}
	}
	path := filepath.Join(artifacts, fmt.Sprintf("%s-%s.kubeconfig", c.name, name))
	must(t, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": access},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": user},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, path))
	must(t, os.Chmod(path, 0o600))
	return path
}

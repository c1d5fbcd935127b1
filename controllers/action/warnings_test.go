// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

type otherHandler struct{ texts []string }

func (h *otherHandler) HandleWarningHeaderWithContext(_ context.Context, _ int, _, message string) {
	h.texts = append(h.texts, message)
}

// The warnings of an answer reach whoever asked, and nobody else.
func TestWarningsAreCollectedForEachRequest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Warning", `299 - "about `+r.URL.Path+`"`)
		w.Header().Add("Warning", `110 - "stale"`)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"Pod","apiVersion":"v1"}`))
	}))
	defer server.Close()
	other := &otherHandler{}
	client := kubernetes.NewForConfigOrDie(&rest.Config{Host: server.URL, WarningHandlerWithContext: WarningHandler{Else: other}})
	get := func(ctx context.Context, name string) {
		if _, err := client.CoreV1().Pods("team").Get(ctx, name, metav1.GetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	first, warningsOfFirst := CollectWarnings(t.Context())
	second, warningsOfSecond := CollectWarnings(t.Context())
	get(first, "a")
	get(second, "b")
	get(t.Context(), "c")
	if diff := cmp.Diff([]string{"about /api/v1/namespaces/team/pods/a"}, warningsOfFirst.Texts()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"about /api/v1/namespaces/team/pods/b"}, warningsOfSecond.Texts()); diff != "" {
		t.Error(diff)
	}
	if len(other.texts) == 0 || other.texts[0] != "about /api/v1/namespaces/team/pods/c" {
		t.Errorf("others got %q", other.texts)
	}
}

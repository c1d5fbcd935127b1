// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// makeSizedAction returns an action with so many containers, whose first has an argument of so many bytes.
func makeSizedAction(containers, bytes int) v1alpha1.Action {
	all := []string{fmt.Sprintf(`{"name":"c0","image":"i","args":[%q]}`, strings.Repeat("x", bytes))}
	for i := range containers - 1 {
		all = append(all, fmt.Sprintf(`{"name":"c%d","image":"i"}`, i+1))
	}
	raw := `{"template":{"spec":{"restartPolicy":"Never","containers":[` + strings.Join(all, ",") + `]}}}`
	return v1alpha1.Action{Name: "a", Job: &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: []byte(raw)}}}
}

// A Job that is too large is refused when its Pipeline is checked, and again with its variables when its action starts.
func TestALargeJobIsRefused(t *testing.T) {
	const kib = 1 << 10
	annotated := makeSizedAction(1, 100*kib)
	annotated.Job.Metadata.Annotations = map[string]string{"theirs": strings.Repeat("x", 200*kib)}
	for _, tt := range []struct {
		name      string
		action    v1alpha1.Action
		variables int
		// checked and started are what the messages have; nothing for an action that passes.
		checked, started string
	}{
		{"small", makeSizedAction(1, kib), 1, "", ""},
		{"just small enough", makeSizedAction(1, 254*kib), 0, "", ""},
		{"too large", makeSizedAction(1, 256*kib), 0, "job: Too long: the Job would have 257 KiB, and at most 256 KiB are allowed", "257 KiB"},
		{"too large by its annotations", annotated, 0, "job: Too long: the Job would have 301 KiB", "301 KiB"},
		{"too large by its variables", makeSizedAction(1, 240*kib), 20, "", "with the variables, which each of its 1 containers gets"},
		{"too large by its many containers", makeSizedAction(1000, kib), 20, "", "with the variables, which each of its 1000 containers gets"},
		{"too large by its many containers without variables", makeSizedAction(2000, kib), 0, "each of its 2000 containers", "each of its 2000 containers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t)
			p := cluster.provider()
			refusal, err := p.TryStart(t.Context(), action.Trial{Namespace: "team", PipelineName: "web", Definition: &tt.action})
			if err != nil || (refusal.Message != "") != (tt.checked != "") || !strings.Contains(refusal.Message, tt.checked) || refusal.CanPass {
				t.Errorf("the check answers %.300q, %v; want %q", refusal.Message, err, tt.checked)
			}
			var variables []v1alpha1.Variable
			for i := range tt.variables {
				variables = append(variables, v1alpha1.Variable{Name: fmt.Sprintf("V%d", i), Value: strings.Repeat("$", 500)})
			}
			op := plan.Operation{
				Type: plan.OperationStart, Definition: tt.action,
				Workload: v1alpha1.WorkloadReference{Name: "web-1"},
			}
			o, err := p.Start(t.Context(), makeScope(variables...), op)
			if err != nil || (o.Phase == plan.PhaseFailed) != (tt.started != "") || !strings.Contains(o.Message, tt.started) {
				t.Errorf("the start answers %v %.300q, %v; want %q", o.Phase, o.Message, err, tt.started)
			}
			if tt.started != "" && o.Reason != v1alpha1.ReasonInvalidJobTemplate {
				t.Errorf("the reason is %q", o.Reason)
			}
		})
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

const waitingForApproval = v1alpha1.ReasonWaitingForApproval

// startApproval starts an execution, as a user, that waits for approval before a Job.
func startApproval(t *testing.T, user client.Client, ns string, approval v1alpha1.Approval) *v1alpha1.PipelineExecution {
	t.Helper()
	createPipeline(t, ns, "web",
		builders.Stage("Release", builders.Approval("approve", 1, approval)), builders.Stage("Deploy", builders.Action("roll-out")))
	execution := builders.Execution(ns, "web")
	NewWithT(t).Expect(user.Create(t.Context(), execution)).To(Succeed())
	waitForAction(t, execution, "approve", actionInProgress)
	return execution
}

// expectResult waits for the verdict on a result, which is Accepted or the reason of its rejection, and returns its message.
func expectResult(t *testing.T, ar *v1alpha1.ApprovalResult, verdict string) string {
	t.Helper()
	g := NewWithT(t)
	g.Eventually(func() *metav1.Condition {
		return findCondition(refreshObject(t, ar), v1alpha1.ConditionAccepted)
	}, timeout, interval).ShouldNot(BeNil(), "no verdict on %s", ar.Name)
	g.Expect(findCondition(ar, v1alpha1.ConditionAccepted).Reason).To(Equal(verdict))
	g.Expect(findCondition(ar, v1alpha1.ConditionFinished).Status).To(Equal(metav1.ConditionTrue))
	return findCondition(ar, v1alpha1.ConditionAccepted).Message
}

// One whole story: it waits and shows how to decide it, the starter may not approve, somebody else does, and what comes after is refused.
func TestAnApprovalLetsTheExecutionGoOn(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	ada, grace := clientOfMember(t, ns, "ada", "admin"), clientOfMember(t, ns, "grace", "admin")
	execution := startApproval(t, ada, ns, v1alpha1.Approval{Message: "Is staging good?", URL: "https://example.com/42", ForbidStarter: true})
	ready := findCondition(execution, v1alpha1.ConditionReady)
	g.Expect(ready.Reason).To(Equal(waitingForApproval))
	g.Expect(ready.Message).To(And(ContainSubstring(string(execution.UID)), ContainSubstring("Is staging good?"), ContainSubstring("https://example.com/42")))
	expectJobs(t, execution, 0)

	own := builders.ApprovalResult(execution, "Release", "approve", v1alpha1.ApprovalApproved)
	g.Expect(ada.Create(t.Context(), own)).To(Succeed())
	g.Expect(expectResult(t, own, v1alpha1.ReasonApproverNotAllowed)).To(ContainSubstring(`"ada"`))

	ar := builders.ApprovalResult(execution, "Release", "approve", v1alpha1.ApprovalApproved)
	g.Expect(grace.Create(t.Context(), ar)).To(Succeed())
	g.Expect(ar.Spec.DecidedBy).To(Equal("grace"))
	expectResult(t, ar, v1alpha1.ReasonAccepted)
	waitForAction(t, execution, "approve", actionSucceeded)
	record := findAction(execution, "approve").Approval.Result
	g.Expect(record).To(HaveValue(And(HaveField("DecidedBy", "grace"), HaveField("Summary", "a test"), HaveField("UID", string(ar.UID)))))

	again := builders.ApprovalResult(execution, "Release", "approve", v1alpha1.ApprovalRejected)
	g.Expect(grace.Create(t.Context(), again)).To(Succeed())
	g.Expect(expectResult(t, again, v1alpha1.ReasonApprovalAlreadyCompleted)).To(ContainSubstring(`"grace"`))
	finishAction(t, execution, "roll-out", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
}

func TestARejectionFailsTheExecution(t *testing.T) {
	t.Parallel()
	execution := startApproval(t, k8s, createNamespace(t), v1alpha1.Approval{})
	ar := createObject(t, builders.ApprovalResult(execution, "Release", "approve", v1alpha1.ApprovalRejected))
	expectResult(t, ar, v1alpha1.ReasonAccepted)
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	NewWithT(t).Expect(findAction(execution, "approve").Reason).To(Equal(v1alpha1.ReasonApprovalRejected))
	expectJobs(t, execution, 0)
}

func TestAnApprovalTimesOut(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Release", builders.Approval("approve", 1, v1alpha1.Approval{TimeoutSeconds: ptr.To[int64](1)})))
	execution := createExecution(t, ns, "web")
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	NewWithT(t).Expect(findAction(execution, "approve").Reason).To(Equal(v1alpha1.ReasonApprovalTimedOut))
}

// A stop that waits waits for the approval; one that abandons does not, and what comes later is rejected.
func TestStopsOfAnApproval(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startApproval(t, k8s, createNamespace(t), v1alpha1.Approval{})
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	waitForState(t, execution, v1alpha1.ExecutionStopping)
	g.Expect(execution.Status.Stop.WaitingFor).To(ConsistOf(HaveField("Reason", waitingForApproval)))

	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	waitForStopped(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(findAction(execution, "approve")).To(And(HaveField("State", actionAbandoned), HaveField("CompletionTime", Not(BeNil()))))
	late := createObject(t, builders.ApprovalResult(execution, "Release", "approve", v1alpha1.ApprovalApproved))
	g.Expect(expectResult(t, late, v1alpha1.ReasonApprovalNotPending)).To(ContainSubstring("Abandoned"))
}

func TestResultsForWhatIsNotThere(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startApproval(t, k8s, createNamespace(t), v1alpha1.Approval{})
	for want, change := range map[string]func(*v1alpha1.ApprovalResultSpec){
		v1alpha1.ReasonPipelineNotFound:          func(s *v1alpha1.ApprovalResultSpec) { s.PipelineName = "nothing" },
		v1alpha1.ReasonPipelineExecutionNotFound: func(s *v1alpha1.ApprovalResultSpec) { s.PipelineExecutionID = builders.UnknownID },
		v1alpha1.ReasonStageNotFound:             func(s *v1alpha1.ApprovalResultSpec) { s.StageName = "Ship" },
		v1alpha1.ReasonActionNotFound:            func(s *v1alpha1.ApprovalResultSpec) { s.ActionName = "check" },
		v1alpha1.ReasonApprovalNotPending:        func(s *v1alpha1.ApprovalResultSpec) { s.StageName, s.ActionName = "Deploy", "roll-out" },
	} {
		ar := builders.ApprovalResult(execution, "Release", "approve", v1alpha1.ApprovalApproved)
		change(&ar.Spec)
		expectResult(t, createObject(t, ar), want)
	}
	g.Expect(findAction(refreshObject(t, execution), "approve").State).To(Equal(actionInProgress))
}

// The verb is checked at admission, and nobody approves in the name of somebody else.
func TestWhoMayApprove(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	alice, bob, carol := clientOfMember(t, ns, "alice", "admin"), clientOfMember(t, ns, "bob", "edit"), clientOfMember(t, ns, "carol", "view")
	execution := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: ns, UID: builders.UnknownID}, Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "web"}}
	newResult := func() *v1alpha1.ApprovalResult {
		return builders.ApprovalResult(execution, "Release", "approve", v1alpha1.ApprovalApproved)
	}
	ar := newResult()
	g.Expect(alice.Create(t.Context(), ar, client.DryRunAll)).To(Succeed())
	g.Expect(ar.Spec.DecidedBy).To(Equal("alice"))
	forged := newResult()
	forged.Spec.DecidedBy = "grace"
	expectForbidden(g, alice.Create(t.Context(), forged, client.DryRunAll), "spec.decidedBy: must be left out, or be alice")
	expectForbidden(g, bob.Create(t.Context(), newResult(), client.DryRunAll), `lacks the verb "approve"`)
	expectForbidden(g, carol.Create(t.Context(), newResult(), client.DryRunAll), "cannot create resource")

	stored := createObject(t, newResult())
	for _, edit := range []func(*v1alpha1.ApprovalResultSpec){
		func(s *v1alpha1.ApprovalResultSpec) { s.Status = v1alpha1.ApprovalRejected },
		func(s *v1alpha1.ApprovalResultSpec) { s.DecidedBy = "grace" },
		func(s *v1alpha1.ApprovalResultSpec) { s.Summary = "other" },
		func(s *v1alpha1.ApprovalResultSpec) { s.ActionName = "other" },
	} {
		g.Eventually(func() error {
			refreshObject(t, stored)
			edit(&stored.Spec)
			return k8s.Update(t.Context(), stored)
		}, timeout, interval).Should(MatchError(ContainSubstring("immutable")))
	}
}

func TestSchemaApproval(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	job := builders.Action("a").Job
	for name, tt := range map[string]struct {
		action  v1alpha1.Action
		refused string
	}{
		"plain":                  {builders.Approval("a", 1, v1alpha1.Approval{}), ""},
		"all fields":             {builders.Approval("a", 1, v1alpha1.Approval{Message: strings.Repeat("m", 1000), URL: "https://example.com/x?y=1#z", TimeoutSeconds: ptr.To[int64](31536000), ForbidStarter: true}), ""},
		"a long message":         {builders.Approval("a", 1, v1alpha1.Approval{Message: strings.Repeat("m", 1001)}), "may not be more than 1000"},
		"a message in two lines": {builders.Approval("a", 1, v1alpha1.Approval{Message: "a\nb"}), "should match"},
		"a script":               {builders.Approval("a", 1, v1alpha1.Approval{URL: "javascript:alert(1)"}), "should match"},
		"no URL":                 {builders.Approval("a", 1, v1alpha1.Approval{URL: "see the wiki"}), "should match"},
		"no time":                {builders.Approval("a", 1, v1alpha1.Approval{TimeoutSeconds: ptr.To[int64](0)}), "greater than or equal to 1"},
		"too much time":          {builders.Approval("a", 1, v1alpha1.Approval{TimeoutSeconds: ptr.To[int64](31536001)}), "less than or equal to 31536000"},
		"a Job as well":          {v1alpha1.Action{Name: "a", Job: job, Approval: &v1alpha1.Approval{}}, "exactly one of the fields in [job approval]"},
		"neither":                {v1alpha1.Action{Name: "a"}, "exactly one of the fields in [job approval]"},
		"the timeout of a Job":   {v1alpha1.Action{Name: "a", Approval: &v1alpha1.Approval{}, TimeoutSeconds: ptr.To[int64](5)}, "an approval has approval.timeoutSeconds"},
		"orphaned":               {v1alpha1.Action{Name: "a", Approval: &v1alpha1.Approval{}, OnAbandon: v1alpha1.OnAbandonOrphan}, "runs nothing"},
	} {
		err := k8s.Create(t.Context(), builders.Pipeline(ns, "web", builders.Stage("Release", tt.action)), client.DryRunAll)
		if tt.refused == "" {
			NewWithT(t).Expect(err).NotTo(HaveOccurred(), name)
		} else {
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(tt.refused)), name)
		}
	}
	var many []v1alpha1.Stage
	for _, name := range []string{"one", "two"} {
		stage := v1alpha1.Stage{Name: name}
		for i := range 26 {
			stage.Actions = append(stage.Actions, builders.Approval("a"+string(rune('a'+i)), 1, v1alpha1.Approval{}))
		}
		many = append(many, stage)
	}
	NewWithT(t).Expect(k8s.Create(t.Context(), builders.Pipeline(ns, "web", many...), client.DryRunAll)).To(MatchError(ContainSubstring("at most 50 approvals")))
}

// The samples are what they say they are.
func TestSampleOfAnApproval(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	kubeconfig := createKubeconfig(t, ns)
	output, err := apiserver.RunShell(t.Context(), kubeconfig, "kubectl apply -f config/samples/approval.yaml")
	g.Expect(err).NotTo(HaveOccurred(), output)
	execution := createExecution(t, ns, "release")
	waitForAction(t, execution, "approve", actionInProgress)
	output, err = apiserver.RunShell(t.Context(), kubeconfig,
		"sed 's/00000000-0000-0000-0000-000000000000/"+string(execution.UID)+"/; s/: Approved/: Rejected/' config/samples/approvalresult.yaml | kubectl create -f -")
	g.Expect(err).NotTo(HaveOccurred(), output)
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	g.Expect(findAction(execution, "approve").Approval.Result.Summary).To(Equal("the dashboards look good"))
}

# shellcheck shell=bash
# The steps of the demo that show how an execution waits for a person and for a stage, and how it is stopped there.

# execution_command NAME PIPELINE prints the command that starts an execution.
execution_command() {
  cat <<TEXT
kubectl create -f - <<END
apiVersion: pipelines.haltline.dev/v1alpha1
kind: PipelineExecution
metadata:
  name: $1
spec:
  pipelineName: $2
END
TEXT
}

# answer_command NAME ID prints the command that approves the execution of that id.
answer_command() {
  echo "sed 's/generateName: release-/name: $1/; s/00000000-0000-0000-0000-000000000000/$2/' config/samples/approvalresult.yaml | kubectl create -f -"
}

# wait_for_reason NAME REASON waits until the condition Ready of an execution has a reason, and shows its message.
wait_for_reason() {
  wait_for_field "pipelineexecution/$1" "{.status.conditions[?(@.type==\"Ready\")].reason}=$2" "to wait ($2)"
  run_command "kubectl get pipelineexecution $1 -o jsonpath='{.status.conditions[?(@.type==\"Ready\")].message}{\"\\n\"}'"
}

# assert_no_jobs NAME checks that an execution never had a Job.
assert_no_jobs() {
  assert_jobs "$1"
  say "It has no Job, and never had one."
}

step_approval() {
  print_heading "An approval"
  say "The pipeline \"release\" asks a person before it rolls out. An approval has no pod: nothing runs while it waits."
  say "In the sample, whoever starts an execution may not approve it. You do both here, so that line is left out."
  say ""
  run_command "sed '/forbidStarter/d' config/samples/approval.yaml | kubectl apply -f -"
  run_command "$(execution_command asked release)"
  wait_for_reason asked WaitingForApproval
  assert_jobs asked
  run_command "$(answer_command approve-asked "$(execution_id asked)")"
  assert_finished asked Succeeded
  say "Who decided, and why, stays on the execution:"
  run_command "kubectl get pipelineexecution asked -o jsonpath='{range .status.stages[0].actions[0].approval.result}{.status} by {.decidedBy}: {.summary}{\"\\n\"}{end}'"
  assert_equal "who approved" "$WHO" "$(read_field pipelineexecution/asked '{.status.stages[0].actions[0].approval.result.decidedBy}')"
}

step_approval_abandoned() {
  print_heading "A stop of what waits for a person"
  say "A stop that abandons does not wait for the answer. One that comes later is rejected, and nothing rolls out."
  say ""
  run_command "$(execution_command unanswered release)"
  wait_for_reason unanswered WaitingForApproval
  run_command "$(stop_command abandon-unanswered release "$(execution_id unanswered)" true "nobody is there to approve")"
  assert_verdict abandon-unanswered Accepted
  assert_stopped unanswered
  run_command "$(answer_command approve-too-late "$(execution_id unanswered)")"
  wait_for_field approvalresult/approve-too-late '{.status.conditions[?(@.type=="Accepted")].status}' "to get a verdict"
  run_command "kubectl get approvalresults"
  assert_equal "the verdict on the late answer" ApprovalNotPending \
    "$(read_field approvalresult/approve-too-late '{.status.conditions[?(@.type=="Accepted")].reason}')"
  show_actions unanswered
  assert_actions unanswered Abandoned NotStarted
  assert_no_jobs unanswered
}

step_queue() {
  print_heading "A queue"
  say "In the pipeline \"queue\" one execution at a time is in each stage. Its stage Deploy is held, as during a release freeze."
  say "Each of its actions works for 6 seconds."
  say ""
  run_command "sed 's/name: release/name: queue/; s/\"20\"/\"6\"/' config/samples/queue.yaml | kubectl apply -f -"
  run_command "$(execution_command first queue)"
  wait_for_field pipeline/queue '{.status.stages[0].execution.name}=first' "to let the first execution into Build"
  run_command "$(execution_command second queue)"
  wait_for_reason second WaitingForStage
  say "Who is in each stage, and how many wait before it:"
  run_command "kubectl get pipeline queue -o custom-columns='PIPELINE:.metadata.name,MODE:.spec.executionMode,STAGES:.status.stageSummary'"
  say "An execution that waits is stopped at once, and never enters:"
  run_command "$(stop_command stop-second queue "$(execution_id second)" false "the first one is enough")"
  assert_verdict stop-second Accepted
  assert_stopped second
  assert_actions second NotStarted NotStarted
  assert_no_jobs second
}

step_transition() {
  print_heading "A stage that is held"
  say "The first execution has built, and waits before Deploy:"
  wait_for_reason first TransitionDisabled
  assert_jobs first compile
  say "Nothing is started again, and nothing is pinned: the Pipeline is changed, and the execution goes on."
  run_command "kubectl patch pipeline queue --type=json -p '[{\"op\": \"remove\", \"path\": \"/spec/stages/1/transition\"}]'"
  assert_finished first Succeeded
  assert_jobs first compile roll-out
}

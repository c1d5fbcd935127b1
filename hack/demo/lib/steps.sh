# shellcheck shell=bash
# The steps of the demo. The quoted sentences are from the contract, the page of StopPipelineExecution.

step_pipeline() {
  print_heading "A pipeline"
  say "Two stages: Build has compile and test, which run at the same time, then package; Deploy has roll-out. Each is a Job."
  say ""
  if has_container_logs; then
    run_command "kubectl apply -k config/samples"
  else
    run_command "kubectl apply -k hack/demo/simulated"
  fi
  run_command "kubectl wait pipeline/web --for=condition=Ready --timeout=60s"
}

step_executions() {
  print_heading "Two executions of it"
  say "Creating an execution starts it. The actions of \"quick\" work for a second each, those of \"patient\" for 20."
  say ""
  start_execution quick 1
  start_execution patient 20
  wait_until_running patient
  run_command "kubectl get pipelines,pipelineexecutions,jobs,pods"
}

step_stop_and_wait() {
  print_heading "Stop and wait" \
    "You choose to either stop the pipeline execution by completing in-progress actions without starting subsequent actions, ..." \
    "While completing or abandoning in-progress actions, the pipeline execution is in a Stopping state."
  run_command "$(stop_command stop-patient web "$(execution_id patient)" false "the release is on hold")"
  assert_verdict stop-patient Accepted
  assert_equal "the state of patient" Stopping "$(read_field pipelineexecution/patient '{.status.state}')"
  assert_equal "what the stop of patient waits for" "compile test" "$(read_field pipelineexecution/patient '{.status.stop.waitingFor[*].action}')"
  assert_equal "the id in the response" "$(execution_id patient)" "$(read_field stoprequest/stop-patient '{.status.pipelineExecutionId}')"
  run_command "kubectl get pipelineexecution patient"
  say "Who started it, who asked to stop it, and why:"
  run_command "kubectl get pipelineexecution patient -o jsonpath='{\"started by \"}{.spec.startedBy}{\"\\n\"}{range .status.stop.requests[*]}{\"stopped by \"}{.requestedBy}, at {.acceptedTime}: {.reason}{\"\\n\"}{end}'"
  assert_equal "who started patient" "$WHO" "$(read_field pipelineexecution/patient '{.spec.startedBy}')"
  assert_equal "who asked to stop patient" "$WHO" "$(read_field pipelineexecution/patient '{.status.stop.requests[*].requestedBy}')"
  say "What it waits for:"
  run_command "kubectl get pipelineexecution patient -o jsonpath='{range .status.stop.waitingFor[*]}{.stage}/{.action}: {.message}{\"\\n\"}{end}'"
}

step_duplicate() {
  print_heading "A second wait is rejected" \
    "If you already chose to stop and wait, you cannot make that request again."
  run_command "$(stop_command stop-patient-again web "$(execution_id patient)" false "a second try")"
  assert_verdict stop-patient-again DuplicatedStopRequestException
  run_command "kubectl describe stoprequest stop-patient-again"
}

step_wait_ends() {
  print_heading "What was running ends by itself, and nothing further starts" \
    "After all in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state."
  assert_stopped patient
  if has_container_logs; then
    run_command "kubectl logs -l $LABEL=$(execution_id patient) --prefix"
    assert_finished_by_themselves patient
  fi
  say "There is no Job of package or roll-out, and there never was one: the Jobs of an execution live as long as it does."
  show_jobs patient
  assert_jobs patient compile test
  assert_actions patient Succeeded Succeeded NotStarted NotStarted
  run_command "kubectl describe pipelineexecution patient"
}

assert_finished_by_themselves() {
  local log action
  log=$(kubectl logs --selector "$LABEL=$(execution_id "$1")")
  for action in compile test; do assert_contains "the log of $1" "$action is done" "$log"; done
  assert_lacks "the log of $1" "was told to end" "$log"
}

step_escalate() {
  print_heading "Stop and wait, then abandon" \
    "If you already chose to stop and wait, you cannot make that request again. You can choose to stop and abandon now, but be aware that this option can lead to failed tasks or out of sequence tasks."
  say "The actions of \"urgent\" would work for ten minutes. That is too long to wait for."
  say ""
  start_execution urgent 600
  wait_until_running urgent
  follow_logs urgent
  run_command "$(stop_command stop-urgent web "$(execution_id urgent)" false "the wrong commit")"
  assert_verdict stop-urgent Accepted
  run_command "$(stop_command abandon-urgent web "$(execution_id urgent)" true "it takes too long")"
  assert_verdict abandon-urgent Accepted
  assert_stopped urgent
  assert_followed_logs urgent
  assert_abandoned urgent
  say "Both requests were accepted, the wait first:"
  run_command "kubectl get pipelineexecution urgent -o jsonpath='{range .status.stop.requests[*]}{.mode}: {.reason}{\"\\n\"}{end}'"
  assert_equal "the requests that urgent accepted" "Wait Abandon" "$(read_field pipelineexecution/urgent '{.status.stop.requests[*].mode}')"
}

# assert_abandoned NAME checks that both actions of the first group are abandoned, that their pods are gone, and that nothing
# else of the execution ever ran.
assert_abandoned() {
  say "Stopped means stopped: none of its pods is left."
  run_command "kubectl get pods -l $LABEL=$(execution_id "$1")"
  assert_equal "the pods of $1" '' "$(kubectl get pods --selector "$LABEL=$(execution_id "$1")" -o name)"
  show_actions "$1"
  assert_actions "$1" Abandoned Abandoned NotStarted NotStarted
  assert_jobs "$1" compile test
}

step_abandon() {
  print_heading "Stop and abandon" \
    "Use this option to stop the pipeline execution by abandoning, rather than finishing, in-progress actions." \
    "This option can lead to failed or out-of-sequence tasks."
  start_execution dropped 600
  wait_until_running dropped
  follow_logs dropped
  run_command "$(stop_command abandon-dropped web "$(execution_id dropped)" true "not needed any more")"
  assert_verdict abandon-dropped Accepted
  assert_stopped dropped
  assert_followed_logs dropped
  assert_abandoned dropped
  run_command "kubectl describe stoprequest abandon-dropped"
}

step_not_stoppable() {
  print_heading "What has ended cannot be stopped" \
    "Unable to stop the pipeline execution. The execution might already be in a Stopped state, or it might no longer be in progress."
  assert_finished quick Succeeded
  assert_actions quick Succeeded Succeeded Succeeded Succeeded
  run_command "$(stop_command stop-quick web "$(execution_id quick)" false "too late")"
  assert_verdict stop-quick PipelineExecutionNotStoppableException
  show_message stop-quick
  run_command "$(stop_command stop-patient-later web "$(execution_id patient)" true "to be sure")"
  assert_verdict stop-patient-later PipelineExecutionNotStoppableException
  show_message stop-patient-later
}

show_message() {
  run_command "kubectl get stoprequest $1 -o jsonpath='{.status.conditions[?(@.type==\"Accepted\")].message}{\"\\n\"}'"
}

step_not_found() {
  print_heading "A pipeline that does not exist" \
    "The pipeline was specified in an invalid format or cannot be found."
  run_command "$(stop_command stop-unknown wbe "$(execution_id quick)" false "a typing error")"
  assert_verdict stop-unknown PipelineNotFoundException
  show_message stop-unknown
}

step_refused() {
  print_heading "What breaks the contract's patterns is never stored" \
    "Pattern: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
  assert_refused "$(stop_command stop-malformed web not-an-id false "a part of an id")" "spec.pipelineExecutionId"
  say "A request cannot be changed into another one either:"
  assert_refused "kubectl patch stoprequest stop-patient --type=merge -p '{\"spec\":{\"abandon\":true}}'" "abandon is immutable"
}

# step_forbidden runs only on a local cluster, because the demo acts as somebody else.
step_forbidden() {
  local command
  [[ -n $CLUSTER_IS_OURS ]] || return 0
  print_heading "Who may stop, and who may abandon" \
    "Two permissions: the verbs stop and abandon on pipelineexecutions."
  run_command "kubectl create rolebinding bob --clusterrole=edit --user=bob"
  command=$(stop_command bob-abandons web "$(execution_id quick)" true "I am in a hurry")
  assert_refused "${command/create/create --as=bob}" 'lacks the verb "abandon"'
}

step_overview() {
  local name
  print_heading "Overview"
  run_command "kubectl get haltline"
  run_command "kubectl get stoprequests -o wide"
  for name in patient urgent dropped; do
    assert_equal "the state of $name" Stopped "$(read_field "pipelineexecution/$name" '{.status.state}')"
    assert_jobs "$name" compile test
    assert_nothing_runs "$name"
  done
  for name in unanswered second; do
    assert_equal "the state of $name" Stopped "$(read_field "pipelineexecution/$name" '{.status.state}')"
    assert_jobs "$name"
  done
  assert_equal "the state of quick" Succeeded "$(read_field pipelineexecution/quick '{.status.state}')"
  assert_equal "the verdicts" "$(expected_verdicts)" "$(kubectl get stoprequests --no-headers \
    -o 'custom-columns=N:.metadata.name,V:.status.conditions[?(@.type=="Accepted")].reason' | awk '{ print $1, $2 }' | sort)"
  say "No verdict has changed, and nothing that was stopped has started since."
}

expected_verdicts() {
  sort <<'TEXT'
abandon-dropped Accepted
abandon-unanswered Accepted
abandon-urgent Accepted
stop-patient Accepted
stop-patient-again DuplicatedStopRequestException
stop-patient-later PipelineExecutionNotStoppableException
stop-quick PipelineExecutionNotStoppableException
stop-second Accepted
stop-unknown PipelineNotFoundException
stop-urgent Accepted
TEXT
}

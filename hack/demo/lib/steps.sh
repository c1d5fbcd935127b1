# shellcheck shell=bash
# The steps of the demo. The quoted sentences are those of StopPipelineExecution.

step_pipeline() {
  heading "A pipeline"
  say "Two stages: Build has compile and test, which run at the same time, then package; Deploy has roll-out. Each is a Job."
  say ""
  if containers_speak; then
    run "kubectl apply -k config/samples"
  else
    run "kubectl apply -k hack/demo/simulated"
  fi
  run "kubectl wait pipeline/web --for=condition=Ready --timeout=60s"
}

step_executions() {
  heading "Two executions of it"
  say "Creating an execution starts it. The actions of \"quick\" work for a second each, those of \"patient\" for 20."
  say ""
  start quick 1
  start patient 20
  until_running patient
  run "kubectl get pipelines,pipelineexecutions,jobs,pods"
}

step_stop_and_wait() {
  heading "Stop and wait" \
    "You choose to either stop the pipeline execution by completing in-progress actions without starting subsequent actions, ..." \
    "While completing or abandoning in-progress actions, the pipeline execution is in a Stopping state."
  run "$(request stop-patient web "$(id_of patient)" false "the release is on hold")"
  verdict stop-patient Accepted
  same "the state of patient" Stopping "$(get pipelineexecution/patient '{.status.state}')"
  same "what the stop of patient waits for" "compile test" "$(get pipelineexecution/patient '{.status.stop.waitingFor[*].action}')"
  same "the id in the response" "$(id_of patient)" "$(get stoprequest/stop-patient '{.status.pipelineExecutionId}')"
  run "kubectl get pipelineexecution patient"
  say "Who asked, and why:"
  run "kubectl get pipelineexecution patient -o jsonpath='{range .status.stop.requests[*]}{.requestedBy}, at {.acceptedTime}: {.reason}{\"\\n\"}{end}'"
  same "who asked to stop patient" "$WHO" "$(get pipelineexecution/patient '{.status.stop.requests[*].requestedBy}')"
  say "What it waits for:"
  run "kubectl get pipelineexecution patient -o jsonpath='{range .status.stop.waitingFor[*]}{.stage}/{.action}: {.message}{\"\\n\"}{end}'"
}

step_duplicate() {
  heading "A second wait is rejected" \
    "If you already chose to stop and wait, you cannot make that request again."
  run "$(request stop-patient-again web "$(id_of patient)" false "did it hear me?")"
  verdict stop-patient-again DuplicatedStopRequestException
  run "kubectl describe stoprequest stop-patient-again"
}

step_wait_ends() {
  heading "What was running ends by itself, and nothing further starts" \
    "After all in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state."
  until_stopped patient
  if containers_speak; then
    run "kubectl logs -l $LABEL=$(id_of patient) --prefix"
    finished_by_themselves patient
  fi
  say "There is no Job of package, nor of roll-out, and there never was: the Jobs of an execution live as long as it does."
  show_jobs patient
  jobs_are patient compile test
  actions_are patient Succeeded Succeeded NotStarted NotStarted
  run "kubectl describe pipelineexecution patient"
}

finished_by_themselves() {
  local log action
  log=$(kubectl logs --selector "$LABEL=$(id_of "$1")")
  for action in compile test; do contains "the log of $1" "$action is done" "$log"; done
  lacks "the log of $1" "was told to end" "$log"
}

step_escalate() {
  heading "Stop and wait, then abandon" \
    "If you already chose to stop and wait, you cannot make that request again. You can choose to stop and abandon now, but be aware that this option can lead to failed tasks or out of sequence tasks."
  say "The actions of \"urgent\" would work for ten minutes. That is too long to wait for."
  say ""
  start urgent 600
  until_running urgent
  follow urgent
  run "$(request stop-urgent web "$(id_of urgent)" false "the wrong commit")"
  verdict stop-urgent Accepted
  run "$(request abandon-urgent web "$(id_of urgent)" true "it takes too long")"
  verdict abandon-urgent Accepted
  until_stopped urgent
  followed urgent
  abandoned urgent
  say "Both requests were accepted, the wait first:"
  run "kubectl get pipelineexecution urgent -o jsonpath='{range .status.stop.requests[*]}{.mode}: {.reason}{\"\\n\"}{end}'"
  same "the requests that urgent accepted" "Wait Abandon" "$(get pipelineexecution/urgent '{.status.stop.requests[*].mode}')"
}

# abandoned NAME: both actions of the first group; their pods are gone, and nothing else of it ever ran.
abandoned() {
  say "Stopped means stopped; none of its pods is left:"
  run "kubectl get pods -l $LABEL=$(id_of "$1")"
  same "the pods of $1" '' "$(kubectl get pods --selector "$LABEL=$(id_of "$1")" -o name)"
  show_actions "$1"
  actions_are "$1" Abandoned Abandoned NotStarted NotStarted
  jobs_are "$1" compile test
}

step_abandon() {
  heading "Stop and abandon" \
    "Use this option to stop the pipeline execution by abandoning, rather than finishing, in-progress actions." \
    "This option can lead to failed or out-of-sequence tasks."
  start dropped 600
  until_running dropped
  follow dropped
  run "$(request abandon-dropped web "$(id_of dropped)" true "not needed any more")"
  verdict abandon-dropped Accepted
  until_stopped dropped
  followed dropped
  abandoned dropped
  run "kubectl describe stoprequest abandon-dropped"
}

step_not_stoppable() {
  heading "What has ended cannot be stopped" \
    "Unable to stop the pipeline execution. The execution might already be in a Stopped state, or it might no longer be in progress."
  run "kubectl wait pipelineexecution/quick --for=condition=Succeeded --timeout=2m"
  same "the state of quick" Succeeded "$(get pipelineexecution/quick '{.status.state}')"
  actions_are quick Succeeded Succeeded Succeeded Succeeded
  run "$(request stop-quick web "$(id_of quick)" false "too late")"
  verdict stop-quick PipelineExecutionNotStoppableException
  show_message stop-quick
  run "$(request stop-patient-later web "$(id_of patient)" true "to be sure")"
  verdict stop-patient-later PipelineExecutionNotStoppableException
  show_message stop-patient-later
}

show_message() {
  run "kubectl get stoprequest $1 -o jsonpath='{.status.conditions[?(@.type==\"Accepted\")].message}{\"\\n\"}'"
}

step_not_found() {
  heading "A pipeline that is not there" \
    "The pipeline was specified in an invalid format or cannot be found."
  run "$(request stop-unknown wbe "$(id_of quick)" false "a slip of the pen")"
  verdict stop-unknown PipelineNotFoundException
  show_message stop-unknown
}

step_refused() {
  heading "What breaks the contract's patterns is never stored" \
    "Pattern: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
  refused "$(request stop-malformed web not-an-id false "a part of an id")" "spec.pipelineExecutionId"
  say "Nor can a request be turned into another one:"
  refused "kubectl patch stoprequest stop-patient --type=merge -p '{\"spec\":{\"abandon\":true}}'" "abandon is immutable"
}

# Only where the demo may act as somebody else.
step_forbidden() {
  local command
  [[ -n $CLUSTER_IS_OURS ]] || return 0
  heading "Who may stop, and who may abandon" \
    "Two permissions: the verbs stop and abandon on pipelineexecutions."
  run "kubectl create rolebinding bob --clusterrole=edit --user=bob"
  command=$(request bob-abandons web "$(id_of quick)" true "I am in a hurry")
  refused "${command/create/create --as=bob}" 'lacks the verb "abandon"'
}

step_overview() {
  local name
  heading "Everything at a glance"
  run "kubectl get haltline"
  run "kubectl get stoprequests -o wide"
  for name in patient urgent dropped; do
    same "the state of $name" Stopped "$(get "pipelineexecution/$name" '{.status.state}')"
    jobs_are "$name" compile test
    nothing_runs "$name"
  done
  same "the state of quick" Succeeded "$(get pipelineexecution/quick '{.status.state}')"
  same "the verdicts" "$(verdicts_expected)" "$(kubectl get stoprequests --no-headers \
    -o 'custom-columns=N:.metadata.name,V:.status.conditions[?(@.type=="Accepted")].reason' | awk '{ print $1, $2 }' | sort)"
  say "No verdict has changed, and nothing of what was stopped has started since."
}

verdicts_expected() {
  sort <<'TEXT'
abandon-dropped Accepted
abandon-urgent Accepted
stop-patient Accepted
stop-patient-again DuplicatedStopRequestException
stop-patient-later PipelineExecutionNotStoppableException
stop-quick PipelineExecutionNotStoppableException
stop-unknown PipelineNotFoundException
stop-urgent Accepted
TEXT
}

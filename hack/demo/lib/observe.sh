# shellcheck shell=bash
# What the demo creates, waits for and looks at.

LABEL=pipelines.haltline.dev/execution-id
FOLLOWERS=''

# read_field KIND/NAME JSONPATH
read_field() { kubectl get "$1" -o "jsonpath=$2"; }

execution_id() { read_field "pipelineexecution/$1" '{.metadata.uid}'; }

# start_execution NAME SECONDS starts an execution of the sample, whose actions work for so many seconds.
start_execution() {
  run_command "sed 's/generateName: web-/name: $1/; s/\"30\"/\"$2\"/' config/samples/pipelineexecution.yaml | kubectl create -f -"
}

# stop_command NAME PIPELINE ID ABANDON REASON prints the command that creates a StopRequest.
stop_command() {
  cat <<TEXT
kubectl create -f - <<END
apiVersion: pipelines.haltline.dev/v1alpha1
kind: StopRequest
metadata:
  name: $1
spec:
  pipelineName: $2
  pipelineExecutionId: $3
  abandon: $4
  reason: "$5"
END
TEXT
}

# wait_for_field OBJECT JSONPATH WHAT waits until the field has a value.
wait_for_field() {
  kubectl wait "$1" --for=jsonpath="$2" --timeout=2m >/dev/null 2>&1 || fail "$1 $3" "that it did not"
}

# wait_until_running NAME waits until both actions of the first group have a container that runs.
wait_until_running() {
  local id action
  id=$(execution_id "$1")
  for action in 0 1; do
    wait_for_field "pipelineexecution/$1" "{.status.stages[0].actions[$action].workload.uid}" "to start its actions"
  done
  kubectl wait jobs --selector "$LABEL=$id" --for=jsonpath='{.status.ready}'=1 --timeout=3m >/dev/null 2>&1 ||
    fail "the containers of $1 to run" "$(kubectl get pods --selector "$LABEL=$id" 2>&1)"
}

# assert_verdict NAME EXPECTED waits for the verdict on a StopRequest, and shows it.
assert_verdict() {
  local found
  wait_for_field "stoprequest/$1" '{.status.conditions[?(@.type=="Accepted")].status}' "to get a verdict"
  run_command "kubectl get stoprequest $1"
  found=$(read_field "stoprequest/$1" '{.status.conditions[?(@.type=="Accepted")].reason}')
  assert_equal "the verdict on StopRequest $1" "$2" "$found"
}

# assert_finished NAME STATE waits for the end of an execution, whatever it is.
assert_finished() {
  run_command "kubectl wait pipelineexecution/$1 --for=condition=Finished --timeout=2m"
  assert_equal "the state of $1" "$2" "$(read_field "pipelineexecution/$1" '{.status.state}')"
}

# assert_stopped NAME waits for the end of an execution, and checks that nothing of it runs.
assert_stopped() {
  assert_finished "$1" Stopped
  assert_equal "what the stop of $1 waits for" '' "$(read_field "pipelineexecution/$1" '{.status.stop.waitingFor[*].action}')"
  assert_nothing_runs "$1"
}

assert_nothing_runs() {
  assert_equal "the pods of $1 that run" '' "$(kubectl get pods --selector "$LABEL=$(execution_id "$1")" \
    --field-selector status.phase!=Succeeded,status.phase!=Failed -o name)"
}

# show_actions NAME shows the state of each action.
show_actions() {
  run_command "kubectl get pipelineexecution $1 -o jsonpath='{range .status.stages[*].actions[*]}{.name}: {.state}{\"\\n\"}{end}'"
}

# assert_actions NAME COMPILE TEST PACKAGE ROLL-OUT checks the state of each action.
assert_actions() {
  assert_equal "the actions of $1" "${*:2}" "$(read_field "pipelineexecution/$1" '{.status.stages[*].actions[*].state}')"
}

# assert_jobs NAME ACTION... checks which actions ever had a Job. The Jobs of an execution live as long as it does.
assert_jobs() {
  local found
  found=$(kubectl get jobs --selector "$LABEL=$(execution_id "$1")" \
    -o 'jsonpath={range .items[*]}{.metadata.annotations.pipelines\.haltline\.dev/action}{"\n"}{end}' | sort | paste -s -d ' ' -)
  assert_equal "the Jobs of $1" "${*:2}" "$found"
}

show_jobs() {
  run_command "kubectl get jobs -l $LABEL=$(execution_id "$1") -o custom-columns='JOB:.metadata.name,ACTION:.metadata.annotations.pipelines\.haltline\.dev/action'"
}

# has_container_logs succeeds if containers run, and not only simulated ones.
has_container_logs() { [[ $NODE == real ]]; }

# follow_logs NAME collects what the containers of an execution print, because their logs go with their pods.
follow_logs() {
  has_container_logs || return 0
  local tries=0
  print_command "kubectl logs -l $LABEL=$(execution_id "$1") --follow &"
  say ""
  : >"$WORK/$1.log"
  kubectl logs --selector "$LABEL=$(execution_id "$1")" --follow >"$WORK/$1.log" 2>"$WORK/$1.err" &
  FOLLOWERS="$FOLLOWERS $!"
  until (($(count_log_lines "$1" ' starts$') == 2)); do
    ((++tries < 150)) || fail "the containers of $1 to print that they start" "$(cat "$WORK/$1.log" "$WORK/$1.err")"
    sleep 0.2
  done
}

# count_log_lines NAME PATTERN counts the lines like that in what follow_logs collected.
count_log_lines() { grep -c "$2" "$WORK/$1.log" || true; }

# assert_followed_logs NAME shows what follow_logs collected, once the pods are gone.
assert_followed_logs() {
  has_container_logs || return 0
  wait "${FOLLOWERS##* }" || true
  FOLLOWERS=${FOLLOWERS% *}
  say "What the containers printed:"
  sed 's/^/  /' "$WORK/$1.log"
  say ""
  assert_equal "the number of containers of $1 that were told to end" 2 "$(count_log_lines "$1" ' was told to end$')"
  assert_equal "the number of containers of $1 that cleaned up in their grace period" 2 "$(count_log_lines "$1" ' has cleaned up$')"
  assert_lacks "the log of $1" "is done" "$(cat "$WORK/$1.log")"
}

stop_followers() {
  local pid
  for pid in $FOLLOWERS; do kill "$pid" 2>/dev/null || true; done
}

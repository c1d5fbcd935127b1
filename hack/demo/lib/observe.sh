# shellcheck shell=bash
# What the demo asks for, and what it looks at.

LABEL=pipelines.haltline.dev/execution-id
FOLLOWERS=''

# get KIND/NAME JSONPATH
get() { kubectl get "$1" -o "jsonpath=$2"; }

# start NAME SECONDS: an execution of the sample, whose actions work that long.
start() {
  run "sed 's/generateName: web-/name: $1/; s/\"30\"/\"$2\"/' config/samples/pipelineexecution.yaml | kubectl create -f -"
}

id_of() { get "pipelineexecution/$1" '{.metadata.uid}'; }

# request NAME PIPELINE ID ABANDON REASON: the command that asks for a stop.
request() {
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

# until_running NAME: both actions of the first group have a container that runs.
until_running() {
  local id action
  id=$(id_of "$1")
  for action in 0 1; do
    await "pipelineexecution/$1" "{.status.stages[0].actions[$action].workload.uid}" "to start its actions"
  done
  kubectl wait jobs --selector "$LABEL=$id" --for=jsonpath='{.status.ready}'=1 --timeout=3m >/dev/null 2>&1 ||
    fail "the containers of $1 to run" "$(kubectl get pods --selector "$LABEL=$id" 2>&1)"
}

# await OBJECT JSONPATH WHAT: until it has a value.
await() {
  kubectl wait "$1" --for=jsonpath="$2" --timeout=2m >/dev/null 2>&1 || fail "$1 $3" "that it did not"
}

# verdict NAME EXPECTED: waits for the verdict on a request, and shows it.
verdict() {
  local found
  await "stoprequest/$1" '{.status.conditions[?(@.type=="Accepted")].status}' "to get a verdict"
  run "kubectl get stoprequest $1"
  found=$(get "stoprequest/$1" '{.status.conditions[?(@.type=="Accepted")].reason}')
  same "the verdict on StopRequest $1" "$2" "$found"
}

# until_stopped NAME: then nothing of it may run.
until_stopped() {
  run "kubectl wait pipelineexecution/$1 --for=condition=Stopped --timeout=2m"
  same "the state of $1" Stopped "$(get "pipelineexecution/$1" '{.status.state}')"
  same "what the stop of $1 still waits for" '' "$(get "pipelineexecution/$1" '{.status.stop.waitingFor[*].action}')"
  nothing_runs "$1"
}

nothing_runs() {
  same "what is left running of $1" '' "$(kubectl get pods --selector "$LABEL=$(id_of "$1")" \
    --field-selector status.phase!=Succeeded,status.phase!=Failed -o name)"
}

# show_actions NAME: what became of each action.
show_actions() {
  run "kubectl get pipelineexecution $1 -o jsonpath='{range .status.stages[*].actions[*]}{.name}: {.state}{\"\\n\"}{end}'"
}

# actions_are NAME COMPILE TEST PACKAGE ROLL-OUT
actions_are() {
  same "the actions of $1" "${*:2}" "$(get "pipelineexecution/$1" '{.status.stages[*].actions[*].state}')"
}

# jobs_are NAME ACTION...: the Jobs that it ever had, since they live as long as it does.
jobs_are() {
  local found
  found=$(kubectl get jobs --selector "$LABEL=$(id_of "$1")" \
    -o 'jsonpath={range .items[*]}{.metadata.annotations.pipelines\.haltline\.dev/action}{"\n"}{end}' | sort | paste -s -d ' ' -)
  same "the Jobs of $1" "${*:2}" "$found"
}

show_jobs() {
  run "kubectl get jobs -l $LABEL=$(id_of "$1") -o custom-columns='JOB:.metadata.name,ACTION:.metadata.annotations.pipelines\.haltline\.dev/action'"
}

containers_speak() { [[ $NODE == real ]]; }

# follow NAME: collects what the containers of an execution say, since their logs go with their pods.
follow() {
  containers_speak || return 0
  local tries=0
  show "kubectl logs -l $LABEL=$(id_of "$1") --follow &"
  say ""
  : >"$WORK/$1.log"
  kubectl logs --selector "$LABEL=$(id_of "$1")" --follow >"$WORK/$1.log" 2>"$WORK/$1.err" &
  FOLLOWERS="$FOLLOWERS $!"
  until (($(said "$1" ' starts$') == 2)); do
    ((++tries < 150)) || fail "the containers of $1 to say that they start" "$(cat "$WORK/$1.log" "$WORK/$1.err")"
    sleep 0.2
  done
}

# said NAME PATTERN: how many lines like that its containers have said.
said() { grep -c "$2" "$WORK/$1.log" || true; }

# followed NAME: shows what they said, once their pods are gone.
followed() {
  containers_speak || return 0
  wait "${FOLLOWERS##* }" || true
  FOLLOWERS=${FOLLOWERS% *}
  say "What the containers have said:"
  sed 's/^/  /' "$WORK/$1.log"
  say ""
  same "how many containers of $1 were told to end" 2 "$(said "$1" ' was told to end$')"
  same "how many containers of $1 cleaned up in their grace period" 2 "$(said "$1" ' has cleaned up$')"
  lacks "the log of $1" "is done" "$(cat "$WORK/$1.log")"
}

stop_followers() {
  local pid
  for pid in $FOLLOWERS; do kill "$pid" 2>/dev/null || true; done
}

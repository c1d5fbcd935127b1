# shellcheck shell=bash
# Starts and ends processes, and knows its own ones again.
# A component is recorded in $DIR/run/NAME as "PID START", where START tells it from a later process of the same id.

started_at() {
  if [[ -r /proc/$1/stat ]]; then
    # Field 22, behind a command's name that may have spaces and brackets.
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'
  elif ! is_linux; then
    ps -o lstart= -p "$1" 2>/dev/null | tr ' ' _
  fi
}

# pid_of NAME: prints the process id of a component that is alive.
pid_of() {
  local pid start
  [[ -r $DIR/run/$1 ]] || return 1
  read -r pid start <"$DIR/run/$1" || return 1
  [[ -n $start && $(started_at "$pid") == "$start" ]] || return 1
  echo "$pid"
}

alive() { pid_of "$1" >/dev/null; }

record() {
  local start
  start=$(started_at "$2")
  [[ -n $start ]] || return 1
  mkdir -p "$DIR/run"
  echo "$2 $start" >"$DIR/run/$1"
}

# launch NAME COMMAND...: in the background, in a process group of its own, with a log.
launch() {
  local name=$1
  shift
  mkdir -p "$DIR/logs"
  # Job control gives the process a group of its own: an interrupt on the terminal is not for it.
  set -m
  nohup "$@" </dev/null >>"$DIR/logs/$name.log" 2>&1 8>&- &
  set +m
  launched=$!
  disown "$launched"
  # At once, so that a "down" finds it even if this program is killed now.
  record "$name" "$launched" || true
}

start_process() {
  launch "$@"
  alive "$1" || failed "$1" "it ended at once"
}

# start_in_node NAME COMMAND...: what is recorded is the process itself, not the nsenter that waits for it.
start_in_node() {
  local name=$1 holder child='' deadline=$((SECONDS + 5))
  shift
  holder=$(pid_of node) || failed "$name" "the node's namespaces are gone"
  launch "$name" nsenter --target "$holder" --mount --net --pid -- "$@"
  until child=$(child_of "$launched"); do
    if ! kill -0 "$launched" 2>/dev/null || ((SECONDS >= deadline)); then failed "$name" "it ended at once"; fi
    sleep 0.05
  done
  record "$name" "$child" || failed "$name" "it ended at once"
}

child_of() {
  local child
  child=$(cat "/proc/$1/task/$1/children" 2>/dev/null) || return 1
  child=${child%% *}
  [[ -n $child ]] && echo "$child"
}

# in_node COMMAND...: runs it there, and waits.
in_node() {
  nsenter --target "$(pid_of node)" --mount --net --pid -- "$@"
}

# stop_process NAME [SECONDS]: asks it to end; after the seconds, ends it.
stop_process() {
  local name=$1 pid deadline=$((SECONDS + ${2:-0}))
  if pid=$(pid_of "$name"); then
    ((${2:-0} == 0)) || kill -TERM "$pid" 2>/dev/null || true
    while alive "$name" && ((SECONDS < deadline)); do sleep 0.1; done
    ! alive "$name" || kill -KILL "$pid" 2>/dev/null || true
    retry 10 gone "$name" || say "$name (process $pid) does not end"
  fi
  rm -f "$DIR/run/$name"
}

gone() { ! alive "$1"; }

# failed NAME WHY: the end of an "up", which then cleans up after itself.
failed() {
  say "cluster: $1 failed: $2"
  if [[ -s $DIR/logs/$1.log ]]; then
    say "--- the end of its log:"
    tail -n 20 "$DIR/logs/$1.log" >&2
    say "---"
  fi
  exit 1
}

# wait_for NAME SECONDS WHAT COMMAND...: until the command succeeds, as long as the component is alive.
wait_for() {
  local name=$1 deadline=$((SECONDS + $2)) what=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    alive "$name" || failed "$name" "it ended"
    ((SECONDS < deadline)) || failed "$name" "$what: not so in time"
    sleep 0.2
  done
}

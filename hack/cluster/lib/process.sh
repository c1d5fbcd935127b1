# shellcheck shell=bash
# Starts and ends the processes of components.
# $DIR/run/NAME holds "PID START" of a component. START differs for a later process that has the same id.

start_time_of() {
  if [[ -r /proc/$1/stat ]]; then
    # Field 22. The name of the command comes before it, and may have spaces and brackets.
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'
  elif ! is_linux; then
    ps -o lstart= -p "$1" 2>/dev/null | tr ' ' _
  fi
}

# pid_of NAME prints the process id of a component, and fails if the component is not alive.
pid_of() {
  local pid start
  [[ -r $DIR/run/$1 ]] || return 1
  read -r pid start <"$DIR/run/$1" || return 1
  [[ -n $start && $(start_time_of "$pid") == "$start" ]] || return 1
  echo "$pid"
}

is_alive() { pid_of "$1" >/dev/null; }

record_process() {
  local start
  start=$(start_time_of "$2")
  [[ -n $start ]] || return 1
  mkdir -p "$DIR/run"
  echo "$2 $start" >"$DIR/run/$1"
}

# launch_process NAME COMMAND... starts a component in the background, with a process group and a log of its own.
launch_process() {
  local name=$1
  shift
  mkdir -p "$DIR/logs"
  # Job control gives the process a group of its own, so that it does not get an interrupt of the terminal.
  set -m
  nohup "$@" </dev/null >>"$DIR/logs/$name.log" 2>&1 8>&- &
  set +m
  launched=$!
  disown "$launched"
  # It is recorded at once, so that a "down" finds it even if this program is killed now.
  record_process "$name" "$launched" || true
}

start_process() {
  launch_process "$@"
  is_alive "$1" || fail_component "$1" "it ended at once"
}

# start_in_node NAME COMMAND... records the process itself, and not the nsenter that waits for it.
start_in_node() {
  local name=$1 holder child='' deadline=$((SECONDS + 5))
  shift
  holder=$(pid_of node) || fail_component "$name" "the node's namespaces are gone"
  launch_process "$name" nsenter --target "$holder" --mount --net --pid -- "$@"
  until child=$(child_of "$launched"); do
    if ! kill -0 "$launched" 2>/dev/null || ((SECONDS >= deadline)); then fail_component "$name" "it ended at once"; fi
    sleep 0.05
  done
  record_process "$name" "$child" || fail_component "$name" "it ended at once"
}

child_of() {
  local child
  child=$(cat "/proc/$1/task/$1/children" 2>/dev/null) || return 1
  child=${child%% *}
  [[ -n $child ]] && echo "$child"
}

# in_node COMMAND... runs a command in the namespaces of the node, and waits for it.
in_node() {
  nsenter --target "$(pid_of node)" --mount --net --pid -- "$@"
}

# stop_process NAME [SECONDS] sends SIGTERM, and SIGKILL if the component is still alive after the seconds. Without seconds
# it sends SIGKILL.
stop_process() {
  local name=$1 pid deadline=$((SECONDS + ${2:-0}))
  if pid=$(pid_of "$name"); then
    ((${2:-0} == 0)) || kill -TERM "$pid" 2>/dev/null || true
    while is_alive "$name" && ((SECONDS < deadline)); do sleep 0.1; done
    ! is_alive "$name" || kill -KILL "$pid" 2>/dev/null || true
    retry 10 is_gone "$name" || say "$name (process $pid) does not end"
  fi
  rm -f "$DIR/run/$name"
}

is_gone() { ! is_alive "$1"; }

# fail_component NAME WHY prints the end of the log and exits. An "up" then removes what it has started.
fail_component() {
  say "cluster: $1 failed: $2"
  if [[ -s $DIR/logs/$1.log ]]; then
    say "--- the end of its log:"
    tail -n 20 "$DIR/logs/$1.log" >&2
    say "---"
  fi
  exit 1
}

# wait_for NAME SECONDS WHAT COMMAND... repeats a command until it succeeds. If the component ends or the time is over, it
# exits, and reports that WHAT did not happen.
wait_for() {
  local name=$1 deadline=$((SECONDS + $2)) what=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    is_alive "$name" || fail_component "$name" "it ended"
    ((SECONDS < deadline)) || fail_component "$name" "this did not happen in time: $what"
    sleep 0.2
  done
}

# shellcheck shell=bash
# The commands of the program.

# In the order in which they are ended: what the others depend on comes last.
COMPONENTS="kwok kubelet kube-proxy containerd relay kube-scheduler kube-controller-manager kube-apiserver etcd"

components_of_kind() {
  case $KIND in
    real) echo "etcd kube-apiserver kube-controller-manager kube-scheduler relay node containerd kubelet kube-proxy" ;;
    simulated) echo "etcd kube-apiserver kube-controller-manager kube-scheduler kwok" ;;
    none) echo "etcd kube-apiserver kube-controller-manager" ;;
  esac
}

# The binaries that are built. The containerd of a node comes from Debian.
binaries_of_kind() {
  local binaries="kube-apiserver kube-controller-manager etcd kubectl"
  case $KIND in
    real) echo "$binaries kube-scheduler kubelet kube-proxy" ;;
    simulated) echo "$binaries kube-scheduler kwok" ;;
    none) echo "$binaries" ;;
  esac
}

are_all_alive() {
  local component
  for component in $(components_of_kind); do
    is_alive "$component" || return 1
  done
}

is_healthy() {
  are_all_alive && kubectl get --raw /readyz >/dev/null 2>&1 || return 1
  [[ $KIND == none ]] || is_node_ready 2>/dev/null
}

# up NODE [POLICY] starts a cluster. It ignores the audit policy if the cluster is up already.
up() {
  local wanted=$1 policy=${2:-} began
  [[ -z $policy || -r $policy ]] || die "--audit $policy: no such file"
  lock_cluster
  use_cluster "$NAME"
  if [[ -n $KIND ]]; then
    check_running_cluster "$wanted"
    return
  fi
  choose_kind "$wanted"
  [[ $KIND == none || -z $(older_version) ]] || die "HALTLINE_KUBERNETES=$HALTLINE_KUBERNETES: use --node none, since no kubelet of that version is built"
  # shellcheck disable=SC2046
  build_binaries $(binaries_of_kind)
  began=$SECONDS
  rm -rf "$DIR"
  mkdir -p "$DIR" && chmod 700 "$DIR"
  trap 'down quietly' EXIT
  choose_addresses
  [[ -z $policy ]] || cp "$policy" "$DIR/audit-policy.yaml"
  start_control_plane
  case $KIND in
    real) start_real_node ;;
    simulated) start_simulated_node ;;
  esac
  trap - EXIT
  say "cluster $NAME is up ($((SECONDS - began)) s), node: $KIND"
  print_advice
}

# check_running_cluster NODE fails unless the cluster that is up is healthy and has such a node.
check_running_cluster() {
  local down_command="cluster down --name $NAME"
  [[ $1 == "$KIND" || ($1 == auto && $KIND != none) ]] || die "cluster $NAME is up with node: $KIND; for node: $1, run '$down_command' first"
  is_healthy || die "cluster $NAME is up, but not healthy: see 'cluster status --name $NAME'; '$down_command' removes it"
  say "cluster $NAME is up already, node: $KIND"
}

print_advice() {
  say "  export KUBECONFIG=$KUBECONFIG_FILE"
  case $KIND in
    simulated) say "  Containers do not run on a simulated node: run the operator as a process on this machine." ;;
    none) say "  There is no node: pods stay Pending." ;;
  esac
}

# down [quietly] kills every component, since nothing here is kept. "quietly" is for an "up" that failed.
down() {
  local component
  [[ -n ${1:-} ]] || { lock_cluster && use_cluster "$NAME"; }
  if [[ ! -d $DIR ]]; then
    say "cluster $NAME does not exist"
    return 0
  fi
  for component in $COMPONENTS; do stop_process "$component"; done
  [[ $KIND != real ]] || remove_real_node
  # The logs of an "up" that failed are kept.
  if [[ ${1:-} == quietly ]]; then
    rm -rf "$CACHE/failed-logs" && mkdir -p "$CACHE/failed-logs"
    [[ ! -d $DIR/logs ]] || mv "$DIR/logs" "$CACHE/failed-logs/$NAME"
    say "the cluster was removed; its logs are in $CACHE/failed-logs/$NAME"
  fi
  rm -rf "$DIR"
  [[ -n ${1:-} ]] || say "cluster $NAME is down"
}

status() {
  local component pid well=yes
  [[ -n $KIND ]] || { echo "cluster $NAME is not up" && return 1; }
  echo "cluster     $NAME"
  echo "node        $KIND"
  echo "API         $(api_url)"
  echo "kubeconfig  $KUBECONFIG_FILE"
  echo "logs        $DIR/logs"
  for component in $(components_of_kind); do
    if pid=$(pid_of "$component"); then
      printf '%-24s alive  %s\n' "$component" "$pid"
    else
      printf '%-24s dead\n' "$component"
      well=no
    fi
  done
  kubectl get --raw /readyz >/dev/null 2>&1 || { echo "the API server is not ready" && well=no; }
  if [[ $KIND == none ]] || is_node_ready 2>/dev/null; then
    [[ $KIND == none ]] || echo "$NODE_NAME is Ready"
  else
    echo "$NODE_NAME is not Ready"
    well=no
  fi
  if [[ $well == yes ]]; then echo "healthy"; else echo "not healthy" && return 1; fi
}

require_up() {
  [[ -n $KIND ]] || die "cluster $NAME is not up: run 'cluster up --name $NAME'"
}

# Stopping and starting one component shows what its failure does.
stop_component() {
  require_component "$1"
  stop_process "$1" 5
}

start_component() {
  require_component "$1"
  ! is_alive "$1" || { say "$1 is alive already" && return; }
  "run_${1//-/_}"
}

require_component() {
  local possible
  require_up
  # A node cannot be started again: everything that ran in its namespaces is gone.
  possible=" $(components_of_kind) "
  possible=${possible/ node / }
  [[ -n $1 && $possible == *" $1 "* ]] || die "there is no component '$1' to stop or start; there are:$possible"
}

load() {
  require_up
  (($# > 0)) || die "load needs the tar file of an image"
  if [[ $KIND != real ]]; then
    say "node: $KIND, which needs no images"
    return
  fi
  load_images "$@"
}

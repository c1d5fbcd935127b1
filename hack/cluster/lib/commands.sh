# shellcheck shell=bash
# What a person asks for.

# In the order in which they end: what the others stand on comes last.
COMPONENTS="kwok kubelet kube-proxy containerd relay kube-scheduler kube-controller-manager kube-apiserver etcd"

components_of_kind() {
  case $KIND in
    real) echo "etcd kube-apiserver kube-controller-manager kube-scheduler relay node containerd kubelet kube-proxy" ;;
    simulated) echo "etcd kube-apiserver kube-controller-manager kube-scheduler kwok" ;;
    none) echo "etcd kube-apiserver kube-controller-manager" ;;
  esac
}

# The binaries that are built; a node's containerd comes from Debian.
binaries_of_kind() {
  local binaries="kube-apiserver kube-controller-manager etcd kubectl"
  case $KIND in
    real) echo "$binaries kube-scheduler kubelet kube-proxy" ;;
    simulated) echo "$binaries kube-scheduler kwok" ;;
    none) echo "$binaries" ;;
  esac
}

all_alive() {
  local component
  for component in $(components_of_kind); do
    alive "$component" || return 1
  done
}

healthy() {
  all_alive && kubectl get --raw /readyz >/dev/null 2>&1 || return 1
  [[ $KIND == none ]] || node_ready 2>/dev/null
}

# up NODE [POLICY]: an audit policy is a part of the cluster from its start, and is not looked at for one that is up already.
up() {
  local wanted=$1 policy=${2:-} began
  [[ -z $policy || -r $policy ]] || die "--audit $policy: no such file"
  lock_cluster
  use_cluster "$NAME"
  if [[ -n $KIND ]]; then
    already_up "$wanted"
    return
  fi
  choose_kind "$wanted"
  # shellcheck disable=SC2046
  build $(binaries_of_kind)
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
  advise
}

already_up() {
  local same="cluster down --name $NAME"
  [[ $1 == "$KIND" || ($1 == auto && $KIND != none) ]] || die "cluster $NAME is up with node: $KIND; for node: $1 run '$same' first"
  healthy || die "cluster $NAME is there, but not healthy: see 'cluster status --name $NAME'; '$same' removes it"
  say "cluster $NAME is up already, node: $KIND"
}

advise() {
  say "  export KUBECONFIG=$KUBECONFIG_FILE"
  case $KIND in
    simulated) say "  Containers do not run on a simulated node: run the operator as a process on this machine." ;;
    none) say "  There is no node: pods stay Pending." ;;
  esac
}

# Everything here may be thrown away, so nothing is asked to end in its own time.
down() {
  local component
  [[ -n ${1:-} ]] || { lock_cluster && use_cluster "$NAME"; }
  if [[ ! -d $DIR ]]; then
    say "cluster $NAME is not there"
    return 0
  fi
  for component in $COMPONENTS; do stop_process "$component"; done
  [[ $KIND != real ]] || remove_real_node
  # The logs of an "up" that failed stay, for whoever wants to know why.
  if [[ ${1:-} == quietly ]]; then
    rm -rf "$CACHE/failed-logs" && mkdir -p "$CACHE/failed-logs"
    [[ ! -d $DIR/logs ]] || mv "$DIR/logs" "$CACHE/failed-logs/$NAME"
    say "the cluster was removed again; its logs are in $CACHE/failed-logs/$NAME"
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
  if [[ $KIND == none ]] || node_ready 2>/dev/null; then
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

# stop and start of one component, for whoever wants to see what its failure does.
stop_component() {
  require_component "$1"
  stop_process "$1" 5
}

start_component() {
  require_component "$1"
  ! alive "$1" || { say "$1 is alive already" && return; }
  "run_${1//-/_}"
}

require_component() {
  local possible
  require_up
  # The namespaces of a node do not come back; what ran in them is gone.
  possible=" $(components_of_kind) "
  possible=${possible/ node / }
  [[ -n $1 && $possible == *" $1 "* ]] || die "no component '$1' to stop or start; there are:$possible"
}

load() {
  require_up
  (($# > 0)) || die "load: which image? (a tar file)"
  if [[ $KIND != real ]]; then
    say "node: $KIND: images are not needed"
    return
  fi
  load_images "$@"
}

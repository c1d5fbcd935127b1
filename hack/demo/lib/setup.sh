# shellcheck shell=bash
# Sets up a local cluster, or uses the one that KUBECONFIG names, and cleans up.

LOCAL_IMAGE=haltline.dev/haltline:dev
OPERATOR_NAMESPACE=haltline-system

REFUSED=0 OPERATOR_PID='' BUILD_PID='' CLUSTER_IS_OURS='' NAMESPACE_IS_OURS='' DEPLOYED=''
HAD_OPERATOR='' HAD_OBJECTS=''

# kubectl uses the namespace of the demo as soon as the demo has created it.
kubectl() {
  if [[ -n $NAMESPACE_IS_OURS ]]; then set -- --namespace "$NAMESPACE" "$@"; fi
  "$KUBECTL" "$@"
}

cluster() { HALTLINE_CLUSTER=${HALTLINE_CLUSTER:-haltline-demo} hack/cluster/cluster "$@"; }

set_up() {
  if [[ -z ${KUBECONFIG:-} ]]; then
    set_up_local_cluster
  else
    set_up_given_cluster
  fi
  run_command "kubectl create namespace $NAMESPACE"
  NAMESPACE_IS_OURS=yes
  run_command "kubectl label namespace $NAMESPACE pod-security.kubernetes.io/enforce=restricted"
  wait_for_policies
  say "Every kubectl command below is for this namespace: to type one yourself, add -n $NAMESPACE."
}

set_up_local_cluster() {
  say "KUBECONFIG is not set, so this runs on a local cluster, which is removed at the end. It keeps what it builds, so that only"
  say "the first time takes long."
  say ""
  # An earlier demo may have left its cluster up.
  cluster down 2>/dev/null
  CLUSTER_IS_OURS=yes
  # The operator is compiled while the build of the cluster downloads and links.
  make_operator build >"$WORK/build.log" 2>&1 &
  BUILD_PID=$!
  cluster up --node "${NODE:-auto}"
  wait "$BUILD_PID" || fail "the operator to build" "$(cat "$WORK/build.log")"
  BUILD_PID=''
  KUBECONFIG=$(cluster kubeconfig)
  export KUBECONFIG
  KUBECTL="$(cluster assets)/kubectl"
  NODE=$(cluster node-kind)
  say ""
  if [[ $NODE == real ]]; then
    say "Packing the operator into an image, to load it into the node:"
    make_operator image IMG="$LOCAL_IMAGE"
    cluster load bin/haltline-image.tar
    run_command "kubectl apply -k config/default"
    wait_for_operator
  else
    run_operator_here
  fi
}

# make_operator ARGUMENT... calls make with the Go that builds the cluster. Nothing is released here, so the Go for releases does
# not have to be fetched. With the two variables, Go's compiler collects no garbage before it is much, which saves time.
make_operator() {
  local toolchain
  toolchain=$(cd hack/cluster && env -u GOTOOLCHAIN go env GOVERSION)
  GOGC=off GOMEMLIMIT=2GiB make --no-print-directory --silent GOTOOLCHAIN="${toolchain%% *}" "$@"
}

# No container runs on a simulated node, so the operator runs as a process beside the cluster.
run_operator_here() {
  local user
  say "The node is simulated: no container runs there, and no logs are shown. The operator runs as a process on this machine."
  run_command "kubectl apply -k hack/demo/operator-here"
  run_command "kubectl apply -f config/rbac/view_role.yaml -f config/rbac/edit_role.yaml -f config/rbac/admin_role.yaml"
  run_command "kubectl apply -f config/rbac/role.yaml -f config/rbac/role_binding.yaml"
  kubectl wait --for=condition=Established --timeout=60s --filename config/crd/bases >/dev/null
  # Only the operator's own account may create the Jobs of executions.
  kubectl config view --raw --flatten >"$WORK/operator.kubeconfig"
  user=$("$KUBECTL" --kubeconfig "$WORK/operator.kubeconfig" config view --minify -o 'jsonpath={.users[0].name}')
  "$KUBECTL" --kubeconfig "$WORK/operator.kubeconfig" config set "users.$user.act-as" \
    "system:serviceaccount:$OPERATOR_NAMESPACE:haltline-manager" >/dev/null
  print_command "bin/haltline --health-probe-bind-address=0 --metrics-bind-address=0 &"
  KUBECONFIG="$WORK/operator.kubeconfig" nohup bin/haltline --health-probe-bind-address=0 --metrics-bind-address=0 >"$WORK/operator.log" 2>&1 </dev/null &
  OPERATOR_PID=$!
  say ""
}

set_up_given_cluster() {
  NODE=real
  KUBECTL=$(find_kubectl)
  kubectl get --raw /readyz >/dev/null || refuse "the API server of KUBECONFIG ($KUBECONFIG) does not answer"
  say "KUBECONFIG is set, so this runs on that cluster:"
  say "  context     $(kubectl config current-context)"
  say "  API server  $(kubectl config view --minify -o 'jsonpath={.clusters[0].cluster.server}')"
  say "Its nodes have to be able to run busybox:1.35."
  say ""
  ! object_exists namespace "$NAMESPACE" ||
    refuse "namespace $NAMESPACE exists already. Delete it, or choose another one: DEMO_NAMESPACE=... make demo"
  HAD_OBJECTS=$(operator_objects) || exit 1
  ! object_exists --namespace "$OPERATOR_NAMESPACE" deployment haltline-manager || HAD_OPERATOR=yes
  deploy_to_given_cluster
  wait_for_operator
}

deploy_to_given_cluster() {
  if [[ -n ${IMG:-} ]]; then
    DEPLOYED=yes
    run_command "make --no-print-directory deploy IMG=$IMG KUBECTL=$KUBECTL"
  elif [[ -n $HAD_OPERATOR ]]; then
    say "The operator is on this cluster already, and is used as it is:"
  else
    refuse "the operator is not on this cluster, and IMG does not name its image. Push the image to a registry that the cluster can pull
from, and name it:
  make docker-build IMG=REGISTRY/haltline:dev
  docker push REGISTRY/haltline:dev
  make demo IMG=REGISTRY/haltline:dev
Or run the demo on a local cluster: env -u KUBECONFIG make demo"
  fi
}

wait_for_operator() {
  run_command "kubectl rollout status --namespace $OPERATOR_NAMESPACE deployment/haltline-manager --timeout=3m"
}

# wait_for_policies waits until the admission policies write who creates an object. It takes the API server a few seconds to
# learn of new policies and kinds; until then it answers ServiceUnavailable or leaves the field out.
wait_for_policies() {
  WHO=$(kubectl auth whoami -o 'jsonpath={.status.userInfo.username}')
  wait_for_stamp startedBy "kubectl create -f config/samples/pipelineexecution.yaml"
  wait_for_stamp requestedBy "$(stop_command trial web 00000000-0000-0000-0000-000000000000 false trial)"
}

# wait_for_stamp FIELD COMMAND repeats a dry run of a "kubectl create" until the field of the spec has the user.
wait_for_stamp() {
  local tries=0 options="--dry-run=server -o jsonpath={.spec.$1}" found
  until found=$(eval "${2/create/create $options}" 2>&1) && [[ $found == "$WHO" ]]; do
    ((++tries < 60)) || fail "the admission policies to write spec.$1 ($WHO)" "${found:-nothing}"
    sleep 0.5
  done
}

refuse() {
  printf 'demo: %s\n' "$1" >&2
  REFUSED=1
  exit 2
}

# operator_objects prints the objects of config/default that are on the cluster.
operator_objects() {
  "$KUBECTL" kustomize config/default | "$KUBECTL" get --ignore-not-found -o name -f - | sort
}

# object_exists ARGUMENT... gives its arguments to "kubectl get". An error of kubectl ends the demo.
object_exists() {
  local found
  found=$(kubectl get "$@" --ignore-not-found -o name) || exit 1
  [[ -n $found ]]
}

# find_kubectl prints the path of the user's kubectl. If there is none, it builds that of the local cluster.
find_kubectl() (
  if type -P kubectl; then return; fi
  # The sourced files read it.
  # shellcheck disable=SC2034
  HERE=$PWD/hack/cluster
  # shellcheck source=/dev/null
  source hack/cluster/lib/common.sh
  # shellcheck source=/dev/null
  source hack/cluster/lib/build.sh
  build_binaries kubectl
  binary_path kubectl
)

# finish runs at every exit. It shows what went wrong while the objects still exist, and then removes them.
finish() {
  local code=$?
  trap - EXIT
  trap '' INT TERM
  stop_followers
  [[ -z $BUILD_PID ]] || kill "$BUILD_PID" 2>/dev/null || true
  if ((code != 0)); then
    ((REFUSED || code >= 128)) || print_diagnostics
    ((REFUSED)) || say "demo: FAILED" >&2
  fi
  if [[ ${KEEP:-} == 1 ]]; then
    print_how_to_use
  else
    clean_up || say "demo: cleaning up failed" >&2
  fi
  exit "$code"
}

print_diagnostics() {
  [[ -n $NAMESPACE_IS_OURS ]] || return 0
  {
    printf '\n--- the objects:\n'
    kubectl get haltline,jobs,pods
    kubectl describe pipelineexecutions,stoprequests
    kubectl get events
    printf "\n--- the end of the operator's log:\n"
    if [[ -n $OPERATOR_PID ]]; then
      tail -n 30 "$WORK/operator.log"
    else
      kubectl logs --namespace "$OPERATOR_NAMESPACE" deployment/haltline-manager --tail=30
    fi
  } >&2 || true
}

print_how_to_use() {
  if [[ -n $CLUSTER_IS_OURS ]]; then
    say ""
    say "The cluster stays up. To use it and to remove it:"
    say "  export KUBECONFIG=$KUBECONFIG"
    say "  $KUBECTL -n $NAMESPACE get haltline"
    [[ -z $OPERATOR_PID ]] || say "  kill $OPERATOR_PID    # the operator; its log: $WORK/operator.log"
    say "  hack/cluster/cluster down --name ${HALTLINE_CLUSTER:-haltline-demo}"
  else
    say ""
    say "Everything that the demo created is kept. To look at it and to remove it:"
    say "  kubectl -n $NAMESPACE get haltline"
    [[ -z $NAMESPACE_IS_OURS ]] || say "  kubectl delete namespace $NAMESPACE"
    [[ -z $DEPLOYED || -n $HAD_OPERATOR ]] || say "  make undeploy"
  fi
}

clean_up() {
  if [[ -n $CLUSTER_IS_OURS ]]; then
    [[ -z $OPERATOR_PID ]] || kill "$OPERATOR_PID" 2>/dev/null || true
    cluster down
  else
    remove_from_given_cluster
  fi
  rm -rf "$WORK"
}

# remove_from_given_cluster removes only what the demo created. The namespace goes first, while the operator still runs.
remove_from_given_cluster() {
  if [[ -n $NAMESPACE_IS_OURS ]]; then
    say "Removing namespace $NAMESPACE"
    "$KUBECTL" delete namespace "$NAMESPACE" --timeout=3m
  fi
  [[ -n $DEPLOYED && -z $HAD_OPERATOR ]] || return 0
  say "Removing the operator"
  comm -13 <(echo "$HAD_OBJECTS") <(operator_objects) | xargs "$KUBECTL" delete --namespace "$OPERATOR_NAMESPACE" --timeout=3m
}

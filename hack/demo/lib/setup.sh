# shellcheck shell=bash
# Where the demo runs: on a local cluster of its own, or on the one that KUBECONFIG names.

LOCAL_IMAGE=haltline.dev/haltline:dev
OPERATOR_NAMESPACE=haltline-system

REFUSED=0 OPERATOR_PID='' CLUSTER_IS_OURS='' NAMESPACE_IS_OURS='' DEPLOYED=''
HAD_OPERATOR='' HAD_OBJECTS=''

# Every command of the demo is for its namespace, as soon as that is there.
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
  run "kubectl create namespace $NAMESPACE"
  NAMESPACE_IS_OURS=yes
  run "kubectl label namespace $NAMESPACE pod-security.kubernetes.io/enforce=restricted"
  wait_for_policies
  say "Every kubectl command below is for this namespace: to type one yourself, add -n $NAMESPACE."
}

set_up_local_cluster() {
  say "KUBECONFIG is not set, so this runs on a local cluster, which is removed at the end. It keeps what it builds, so that only"
  say "the first time takes long."
  say ""
  # One that an earlier demo left up is not what this one starts from.
  cluster down 2>/dev/null
  CLUSTER_IS_OURS=yes
  cluster up --node "${NODE:-auto}"
  KUBECONFIG=$(cluster kubeconfig)
  export KUBECONFIG
  KUBECTL="$(cluster assets)/kubectl"
  NODE=$(cluster node-kind)
  say ""
  if [[ $NODE == real ]]; then
    say "Packing the operator into an image, to load it into the node:"
    make --no-print-directory --silent image IMG="$LOCAL_IMAGE"
    cluster load bin/haltline-image.tar
    run "kubectl apply -k config/default"
    wait_for_operator
  else
    run_operator_here
  fi
}

# No container runs on a simulated node, so the operator runs beside the cluster.
run_operator_here() {
  say "The node is simulated: no container runs there, and containers say nothing. The operator runs as a process on this machine."
  make --no-print-directory --silent build
  run "kubectl apply -k hack/demo/operator-here"
  kubectl wait --for=condition=Established --timeout=60s --filename config/crd/bases >/dev/null
  show "bin/haltline --health-probe-bind-address=0 &"
  nohup bin/haltline --health-probe-bind-address=0 >"$WORK/operator.log" 2>&1 </dev/null &
  OPERATOR_PID=$!
  say ""
}

set_up_given_cluster() {
  NODE=real
  KUBECTL=$(own_kubectl)
  kubectl get --raw /readyz >/dev/null || refuse "the API server of KUBECONFIG ($KUBECONFIG) does not answer"
  say "KUBECONFIG is set, so this runs on that cluster:"
  say "  context     $(kubectl config current-context)"
  say "  API server  $(kubectl config view --minify -o 'jsonpath={.clusters[0].cluster.server}')"
  say "Its nodes have to be able to run busybox:1.35."
  say ""
  ! exists namespace "$NAMESPACE" ||
    refuse "namespace $NAMESPACE is there already. Delete it, or name another one: DEMO_NAMESPACE=... make demo"
  HAD_OBJECTS=$(operator_objects) || exit 1
  ! exists --namespace "$OPERATOR_NAMESPACE" deployment haltline-manager || HAD_OPERATOR=yes
  deploy_to_given_cluster
  wait_for_operator
}

deploy_to_given_cluster() {
  if [[ -n ${IMG:-} ]]; then
    DEPLOYED=yes
    run "make --no-print-directory deploy IMG=$IMG KUBECTL=$KUBECTL"
  elif [[ -n $HAD_OPERATOR ]]; then
    say "The operator is there already, and is used as it is:"
  else
    refuse "the operator is not on this cluster, and there is no image to deploy it from. Push one to where the cluster pulls from, and
name it:
  make docker-build IMG=REGISTRY/haltline:dev
  docker push REGISTRY/haltline:dev
  make demo IMG=REGISTRY/haltline:dev
Or run the demo on a local cluster: env -u KUBECONFIG make demo"
  fi
}

wait_for_operator() {
  run "kubectl rollout status --namespace $OPERATOR_NAMESPACE deployment/haltline-manager --timeout=3m"
}

# Admission policies take effect a few seconds after they are applied.
wait_for_policies() {
  local tries=0 trial
  WHO=$(kubectl auth whoami -o 'jsonpath={.status.userInfo.username}')
  trial=$(request trial web 00000000-0000-0000-0000-000000000000 false trial)
  trial=${trial/create/create --dry-run=server -o 'jsonpath={.spec.requestedBy\}'}
  until [[ $(eval "$trial" 2>/dev/null) == "$WHO" ]]; do
    ((++tries < 60)) || fail "the admission policies to say who asks ($WHO)" "that they do not"
    sleep 0.5
  done
}

refuse() {
  printf 'demo: %s\n' "$1" >&2
  REFUSED=1
  exit 2
}

# Those objects of the operator's manifests that are on the cluster.
operator_objects() {
  "$KUBECTL" kustomize config/default | "$KUBECTL" get --ignore-not-found -o name -f - | sort
}

# exists WHAT...: any answer but "there" and "not there" ends the demo.
exists() {
  local found
  found=$(kubectl get "$@" --ignore-not-found -o name) || exit 1
  [[ -n $found ]]
}

# The user's kubectl, or else that of the local cluster, which is built for it.
own_kubectl() (
  if type -P kubectl; then return; fi
  # Read by what is sourced.
  # shellcheck disable=SC2034
  HERE=$PWD/hack/cluster
  # shellcheck source=/dev/null
  source hack/cluster/lib/common.sh
  # shellcheck source=/dev/null
  source hack/cluster/lib/build.sh
  build kubectl
  binary kubectl
)

# finish: on every way out. What went wrong is shown while it can be seen; then what was made goes.
finish() {
  local code=$?
  trap - EXIT
  trap '' INT TERM
  stop_followers
  if ((code != 0)); then
    ((REFUSED || code >= 128)) || post_mortem
    ((REFUSED)) || say "demo: FAILED" >&2
  fi
  if [[ ${KEEP:-} == 1 ]]; then
    kept
  else
    clean_up || say "demo: cleaning up failed" >&2
  fi
  exit "$code"
}

post_mortem() {
  [[ -n $NAMESPACE_IS_OURS ]] || return 0
  {
    printf '\n--- what there is:\n'
    kubectl get haltline,jobs,pods
    kubectl describe pipelineexecutions,stoprequests
    kubectl get events
    printf '\n--- the end of the log of the operator:\n'
    if [[ -n $OPERATOR_PID ]]; then
      tail -n 30 "$WORK/operator.log"
    else
      kubectl logs --namespace "$OPERATOR_NAMESPACE" deployment/haltline-manager --tail=30
    fi
  } >&2 || true
}

kept() {
  if [[ -n $CLUSTER_IS_OURS ]]; then
    say ""
    say "The cluster stays up. To use it, and to remove it:"
    say "  export KUBECONFIG=$KUBECONFIG"
    say "  $KUBECTL -n $NAMESPACE get haltline"
    [[ -z $OPERATOR_PID ]] || say "  kill $OPERATOR_PID    # the operator; its log: $WORK/operator.log"
    say "  hack/cluster/cluster down --name ${HALTLINE_CLUSTER:-haltline-demo}"
  else
    say ""
    say "What was made stays. To look at it, and to remove it:"
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

# Only what the demo brought. The namespace goes first, as long as there is an operator.
remove_from_given_cluster() {
  if [[ -n $NAMESPACE_IS_OURS ]]; then
    say "Removing namespace $NAMESPACE"
    "$KUBECTL" delete namespace "$NAMESPACE" --timeout=3m
  fi
  [[ -n $DEPLOYED && -z $HAD_OPERATOR ]] || return 0
  say "Removing the operator"
  comm -13 <(echo "$HAD_OBJECTS") <(operator_objects) | xargs "$KUBECTL" delete --namespace "$OPERATOR_NAMESPACE" --timeout=3m
}

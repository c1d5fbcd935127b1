# shellcheck shell=bash
# A simulated node: pods get the states that kwok-stages.yaml describes, and no container runs.

run_kwok() {
  start_process kwok "$(binary_path kwok)" --kubeconfig "$KUBECONFIG_FILE" --manage-all-nodes=true \
    --config "$HERE/kwok-stages.yaml" --node-lease-duration-seconds 40 \
    --server-address "127.0.0.1:$((PORT + 5))" --node-ip 127.0.0.1 --node-name "$NODE_NAME" --cidr 10.213.0.0/16
}

start_simulated_node() {
  say "starting a simulated node"
  kubectl create -f - >/dev/null <<END
apiVersion: v1
kind: Node
metadata:
  name: $NODE_NAME
  annotations: {kwok.x-k8s.io/node: fake}
  labels: {kubernetes.io/hostname: $NODE_NAME, kubernetes.io/os: linux, kubernetes.io/arch: $(go_architecture), type: kwok}
status:
  allocatable: {cpu: "100000", memory: 100Ti, pods: "100000"}
  capacity: {cpu: "100000", memory: 100Ti, pods: "100000"}
END
  run_kwok
  wait_for kwok 60 "the node is Ready" is_node_ready
}

is_node_ready() {
  [[ $(kubectl get node "$NODE_NAME" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

go_architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) uname -m ;;
  esac
}

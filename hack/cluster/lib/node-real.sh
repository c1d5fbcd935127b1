# shellcheck shell=bash
# A node that runs containers. It has network, mount and process namespaces of its own. So this machine's iptables, mounts,
# containerd and CNI stay as they are, clusters are separate, and the whole node ends with one process.

link_name() { echo "haltline${NET##*.}"; }

create_node_namespaces() {
  local holder='' deadline=$((SECONDS + 5)) mounts="$DIR/node"
  launch_process node unshare --mount --net --pid --fork --kill-child --mount-proc "$(helper_path pause)"
  until holder=$(child_of "$launched") && [[ $(cat "/proc/$holder/comm" 2>/dev/null) == pause* ]]; do
    ((SECONDS < deadline)) || fail_component node "its namespaces were not created"
    sleep 0.05
  done
  record_process node "$holder"
  # containerd, the kubelet and the CNI plugins use their usual folders, which are private to the node.
  mkdir -p "$mounts/lib" "$mounts/log"
  in_node mount -t tmpfs tmpfs /run
  in_node mount --bind "$mounts/lib" /var/lib
  in_node mount --bind "$mounts/log" /var/log
  in_node mount --make-rshared /
}

create_link() {
  local link
  link=$(link_name)
  ip link add "$link" type veth peer name eth0 netns "$(pid_of node)"
  ip address add "$NET.1/30" dev "$link"
  ip link set "$link" up
  in_node ip link set lo up
  in_node ip address add "$NET.2/30" dev eth0
  in_node ip link set eth0 up
  # There is no default route, so nothing of the cluster reaches beyond this machine.
  ip route add "$NET.128/25" via "$NET.2"
}

# The relay connects the node to the API server. Without it the node is cut off, and its containers run on.
run_relay() { start_process relay "$(helper_path relay)" "$NET.1:$PORT" "127.0.0.1:$PORT"; }

run_containerd() {
  local node="$DIR/node" snapshotter=overlayfs
  mkdir -p "$node/cni"
  # An overlay on top of an overlay does not work. In a container, the folder is on an overlay.
  [[ $(stat -f -c %T "$node") != overlayfs ]] || snapshotter=native
  cat >"$node/cni/10-bridge.conflist" <<END
{"cniVersion": "0.4.0", "name": "haltline", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$NET.128/25"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
END
  cat >"$node/containerd.toml" <<END
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  # Without this, no sandbox starts if the capability SYS_RESOURCE is missing.
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "$snapshotter"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "$(cni_plugins_folder)"
  conf_dir = "$node/cni"
END
  start_in_node containerd containerd --config "$node/containerd.toml"
}

run_kubelet() {
  write_kubelet_config >"$DIR/node/kubelet.yaml"
  start_in_node kubelet "$(binary_path kubelet)" --config "$DIR/node/kubelet.yaml" \
    --kubeconfig "$DIR/pki/kubelet.kubeconfig" --hostname-override "$NODE_NAME" --node-ip "$NET.2"
}

# Nothing answers at the address of clusterDNS. Without an address, each pod would get a warning event.
write_kubelet_config() {
  cat <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NET.2
tlsCertFile: $DIR/pki/kubelet.crt
tlsPrivateKeyFile: $DIR/pki/kubelet.key
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $DIR/pki/ca.crt}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
evictionHard: {}
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
resolvConf: ""
END
}

run_kube_proxy() {
  cat >"$DIR/node/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
hostnameOverride: $NODE_NAME
clusterCIDR: $NET.128/25
clientConnection: {kubeconfig: $DIR/pki/kube-proxy.kubeconfig}
# These settings would change the whole kernel, so they are left as they are.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
END
  start_in_node kube-proxy "$(binary_path kube-proxy)" --config "$DIR/node/kube-proxy.yaml"
}

start_real_node() {
  say "starting a real node"
  save_kernel_settings
  create_node_namespaces
  create_link
  run_relay
  run_containerd
  wait_for containerd 30 "it answers" in_node ctr version
  load_images "$(pause_image)" "$(busybox_image)"
  run_kubelet
  run_kube_proxy
  wait_for kubelet 90 "the node is Ready" is_node_ready
}

# The kubelet changes these for the whole machine. Their values are restored with the removal of the last real node.
KERNEL_SETTINGS="vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes"

save_kernel_settings() {
  local setting
  [[ ! -e $CACHE/kernel-settings ]] || return 0
  for setting in $KERNEL_SETTINGS; do
    [[ ! -r /proc/sys/$setting ]] || echo "$setting $(cat "/proc/sys/$setting")"
  done >"$CACHE/kernel-settings"
}

restore_kernel_settings() {
  local setting value other
  for other in "$CACHE"/clusters/*/settings; do
    [[ $other == "$DIR/settings" ]] || ! grep -qsx KIND=real "$other" || return 0
  done
  [[ -r $CACHE/kernel-settings ]] || return 0
  while read -r setting value; do
    echo "$value" >"/proc/sys/$setting" || say "could not set $setting back to $value"
  done <"$CACHE/kernel-settings"
  rm -f "$CACHE/kernel-settings"
}

# When the first process of a namespace ends, the kernel ends all others, containers too. It then removes the mounts and
# the network.
remove_real_node() {
  stop_process node
  ! ip link show "$(link_name)" >/dev/null 2>&1 || ip link delete "$(link_name)" 2>/dev/null || true
  remove_cgroups
  restore_kernel_settings
}

# containerd puts each container into a group k8s.io/ID. The same k8s.io may hold groups of other programs.
remove_cgroups() {
  local task group
  for task in "$DIR"/node/lib/containerd/io.containerd.runtime.v2.task/k8s.io/*; do
    for group in /sys/fs/cgroup/k8s.io/"${task##*/}" /sys/fs/cgroup/*/k8s.io/"${task##*/}"; do
      [[ ! -d $group ]] || retry 10 remove_cgroup "$group" || say "could not remove $group"
    done
  done
  rmdir /sys/fs/cgroup/k8s.io /sys/fs/cgroup/*/k8s.io 2>/dev/null || true
}

remove_cgroup() {
  find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
  [[ ! -d $1 ]]
}

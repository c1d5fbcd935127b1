# shellcheck shell=bash
# etcd, API server, controller manager and scheduler. A function for each component starts it, and starts it again.

api_url() { echo "https://127.0.0.1:$PORT"; }

etcd_url() { echo "https://127.0.0.1:$((PORT + 1))"; }

kubectl() { "$(binary_path kubectl)" --kubeconfig "$KUBECONFIG_FILE" "$@"; }

make_certificates() {
  local arguments=(-out "$DIR/pki" -cluster "$NAME" -server "$(api_url)" -service-address "$SERVICE_ADDRESS")
  if [[ $KIND == real ]]; then
    arguments+=(-node-server "https://$NET.1:$PORT" -server-address "$NET.1" -node "$NODE_NAME" -node-address "$NET.2")
  fi
  "$(helper_path certs)" "${arguments[@]}"
  mv "$DIR/pki/admin.kubeconfig" "$KUBECONFIG_FILE"
}

run_etcd() {
  local peer
  peer=https://127.0.0.1:$((PORT + 2))
  # No fsync: nobody needs the data after a crash of the machine.
  start_process etcd "$(binary_path etcd)" --name "$NAME" --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "$(etcd_url)" --advertise-client-urls "$(etcd_url)" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "$NAME=$peer" \
    --cert-file "$DIR/pki/etcd.crt" --key-file "$DIR/pki/etcd.key" \
    --client-cert-auth --trusted-ca-file "$DIR/pki/etcd-ca.crt" \
    --peer-cert-file "$DIR/pki/etcd.crt" --peer-key-file "$DIR/pki/etcd.key" \
    --peer-client-cert-auth --peer-trusted-ca-file "$DIR/pki/etcd-ca.crt" \
    --quota-backend-bytes $((8 << 30)) --auto-compaction-mode periodic --auto-compaction-retention 5m
}

run_kube_apiserver() {
  local pki="$DIR/pki" address audit=()
  # The service kubernetes cannot have a loopback address as an endpoint. Without a real node nobody uses that service.
  address=(--advertise-address 127.0.0.1 --endpoint-reconciler-type none)
  # No kube-proxy runs beside the API server, so it calls a webhook at the address of its pod and not at that of its service, which
  # would leave this machine.
  [[ $KIND != real ]] || address=(--advertise-address "$NET.1" --enable-aggregator-routing)
  # The log is one file. Each line is written before its request is answered.
  [[ ! -e $DIR/audit-policy.yaml ]] || audit=(--audit-policy-file "$DIR/audit-policy.yaml" --audit-log-mode blocking
    --audit-log-path "$DIR/logs/audit.log" --audit-log-maxsize 1000000)
  start_process kube-apiserver "$(binary_path kube-apiserver)" "${address[@]}" ${audit[@]+"${audit[@]}"} \
    --bind-address 127.0.0.1 --secure-port "$PORT" \
    --tls-cert-file "$pki/kube-apiserver.crt" --tls-private-key-file "$pki/kube-apiserver.key" \
    --client-ca-file "$pki/ca.crt" --authorization-mode Node,RBAC \
    --enable-admission-plugins NodeRestriction --allow-privileged \
    --etcd-servers "$(etcd_url)" --etcd-cafile "$pki/etcd-ca.crt" \
    --etcd-certfile "$pki/etcd-client.crt" --etcd-keyfile "$pki/etcd-client.key" \
    --service-cluster-ip-range "$SERVICE_RANGE" \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$pki/service-accounts.key" \
    --service-account-signing-key-file "$pki/service-accounts.key" \
    --requestheader-client-ca-file "$pki/front-proxy-ca.crt" --requestheader-allowed-names front-proxy-client \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$pki/front-proxy-client.crt" --proxy-client-key-file "$pki/front-proxy-client.key" \
    --kubelet-preferred-address-types InternalIP --kubelet-certificate-authority "$pki/ca.crt" \
    --kubelet-client-certificate "$pki/kubelet-client.crt" --kubelet-client-key "$pki/kubelet-client.key" \
    --max-requests-inflight 3000 --max-mutating-requests-inflight 1500
}

run_kube_controller_manager() {
  local config="$DIR/pki/kube-controller-manager.kubeconfig"
  # With the default limit on requests, hack/endjob would measure that limit.
  start_process kube-controller-manager "$(binary_path kube-controller-manager)" \
    --kubeconfig "$config" --authentication-kubeconfig "$config" --authorization-kubeconfig "$config" \
    --bind-address 127.0.0.1 --secure-port $((PORT + 3)) --leader-elect=false \
    --use-service-account-credentials --service-account-private-key-file "$DIR/pki/service-accounts.key" \
    --root-ca-file "$DIR/pki/ca.crt" --kube-api-qps 1000 --kube-api-burst 2000 --concurrent-job-syncs 20
}

run_kube_scheduler() {
  local config="$DIR/pki/kube-scheduler.kubeconfig"
  cat >"$DIR/scheduler.yaml" <<END
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: "$config", qps: 1000, burst: 2000}
leaderElection: {leaderElect: false}
END
  start_process kube-scheduler "$(binary_path kube-scheduler)" --config "$DIR/scheduler.yaml" \
    --authentication-kubeconfig "$config" --authorization-kubeconfig "$config" \
    --bind-address 127.0.0.1 --secure-port $((PORT + 4))
}

start_control_plane() {
  say "starting etcd and the control plane"
  make_certificates
  run_etcd
  wait_for etcd 30 "it listens" is_port_open $((PORT + 1))
  run_kube_apiserver
  wait_for kube-apiserver 60 "it is ready" kubectl get --raw /readyz
  run_kube_controller_manager
  [[ $KIND == none ]] || run_kube_scheduler
  wait_for kube-controller-manager 60 "the default service account exists" kubectl get serviceaccount default
}

# shellcheck shell=bash
# The folder and the addresses of a cluster. Two clusters of different names never share any of them.
#
# ports:      $PORT API server, +1 and +2 etcd, +3 controller manager, +4 scheduler, +5 simulated node
# addresses:  only with a real node: $NET.1 this machine, $NET.2 the node, $NET.128/25 the pods

SERVICE_RANGE=10.96.0.0/16
SERVICE_ADDRESS=10.96.0.1

use_cluster() {
  NAME=$1
  [[ $NAME =~ ^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$ ]] || die "--name $NAME: use up to 32 lower-case letters, digits and dashes"
  DIR="$CACHE/clusters/$NAME"
  KUBECONFIG_FILE="$DIR/admin.kubeconfig"
  NODE_NAME="$NAME-node"
  KIND='' PORT='' NET=''
  # shellcheck source=/dev/null
  [[ ! -r $DIR/settings ]] || source "$DIR/settings"
}

save_settings() {
  printf 'KIND=%s\nPORT=%s\nNET=%s\n' "$KIND" "$PORT" "$NET" >"$DIR/settings"
}

# lock_cluster lets only one "up" or "down" of a name run at a time. Components do not inherit the lock.
lock_cluster() {
  mkdir -p "$CACHE/clusters"
  has_command flock || return 0
  exec 8>"$CACHE/clusters/.$NAME.lock"
  flock --nonblock 8 || { say "waiting for another command on cluster $NAME to finish" && flock 8; }
}

# choose_addresses saves its choice before another cluster can choose.
choose_addresses() {
  exec 7>"$CACHE/clusters/.addresses.lock"
  ! has_command flock || flock 7
  choose_ports
  [[ $KIND != real ]] || choose_network
  save_settings
  exec 7>&-
}

# choose_ports takes the same ports for a name each time, if they are free. They are below those that the kernel uses for
# outgoing connections.
choose_ports() {
  local slot try
  slot=$(cksum <<<"$NAME" | cut -d ' ' -f 1)
  for ((try = 0; try < 1000; try++)); do
    PORT=$((21000 + 10 * ((slot + try) % 1000)))
    ! grep -qsx "PORT=$PORT" "$CACHE"/clusters/*/settings && are_ports_free && return
  done
  die "there are no free ports between 21000 and 31000"
}

are_ports_free() {
  local port
  for ((port = PORT; port < PORT + 6; port++)); do
    ! is_port_open "$port" || return 1
  done
}

is_port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

choose_network() {
  local third used
  used=$(ip -4 address show; ip -4 route show table all; cat "$CACHE"/clusters/*/settings 2>/dev/null || true)
  for ((third = 0; third < 256; third++)); do
    NET=10.213.$third
    ! grep -qE "(10\.213\.0\.0/16|${NET//./\\.}(\.|\$))" <<<"$used" && return
  done
  die "there is no free network in 10.213.0.0/16"
}

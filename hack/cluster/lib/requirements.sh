# shellcheck shell=bash
# What a real node needs, and how a machine gets it.

# Commands, each with the Debian package that has it.
NODE_PACKAGES="containerd:containerd ctr:containerd runc:runc iptables:iptables conntrack:conntrack
  ip:iproute2 nsenter:util-linux unshare:util-linux mount:mount"

missing_packages() {
  local pair
  {
    for pair in $NODE_PACKAGES; do
      has "${pair%%:*}" || echo "${pair##*:}"
    done
    [[ -n $(cni_plugins) ]] || echo containernetworking-plugins
  } | sort -u | tr '\n' ' '
}

# Debian's folder, then the one that others use.
cni_plugins() {
  local folder
  for folder in /usr/lib/cni /opt/cni/bin; do
    if [[ -x $folder/bridge && -x $folder/host-local && -x $folder/loopback ]]; then
      echo "$folder"
      return
    fi
  done
}

# why_no_real_node: prints what stands in the way, with the remedy; nothing if it can be. Changes nothing.
why_no_real_node() {
  local missing
  is_linux || { echo "a real node needs Linux; use --node simulated" && return; }
  is_root || { echo "a real node needs root: run as root, or use --node simulated" && return; }
  case $CACHE/ in
    /run/* | /var/*) echo "a real node has a /run, a /var/lib and a /var/log of its own: set HALTLINE_CACHE to a folder elsewhere" && return ;;
  esac
  missing=$(missing_packages)
  if [[ -n $missing ]] && ! { has apt-get && [[ -e /etc/debian_version ]]; }; then
    echo "not installed: $missing(names of Debian's packages): install them, or use --node simulated"
    return
  fi
  [[ -n $missing ]] || why_no_namespaces
}

# Tried in namespaces that are gone at once.
why_no_namespaces() {
  if ! unshare --mount --net --pid --fork --mount-proc ip link add try0 type bridge 2>/dev/null; then
    echo "no namespaces or no bridge devices here: allow them (a container needs --privileged), or use --node simulated"
  elif ! unshare --net iptables --table nat --list-rules >/dev/null 2>&1; then
    echo "iptables has no NAT here: load the kernel's modules for it, or use --node simulated"
  fi
}

# install_packages: whatever is missing. Fails with a message where that fails.
install_packages() {
  local missing policy=/usr/sbin/policy-rc.d mine=''
  missing=$(missing_packages)
  [[ -n $missing ]] || return 0
  say "installing Debian packages: $missing"
  mkdir -p "$CACHE"
  # A package starts its services; the cluster starts a containerd of its own and wants no other.
  if [[ ! -e $policy ]]; then
    mine=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  # shellcheck disable=SC2086
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } \
    >"$CACHE/apt.log" 2>&1 </dev/null; then
    [[ -z $mine ]] || rm -f "$policy"
    say "apt-get failed; the end of $CACHE/apt.log:"
    tail -n 5 "$CACHE/apt.log" >&2
    return 1
  fi
  [[ -z $mine ]] || rm -f "$policy"
}

# choose_kind WANTED: sets KIND. "auto" takes a real node where there can be one, and says what it took and why.
choose_kind() {
  local why=''
  case $1 in
    real | auto) ;;
    simulated | none) KIND=$1 && return ;;
    *) die "--node $1: one of auto, real, simulated, none is wanted" ;;
  esac
  KIND=real
  why=$(why_no_real_node)
  if [[ -z $why ]] && ! install_packages; then why="its packages could not be installed"; fi
  # What could not be tried before the packages were there.
  [[ -n $why ]] || why=$(why_no_real_node)
  if [[ $1 == real ]]; then
    [[ -z $why ]] || die "$why"
  elif [[ -z $why ]]; then
    say "node: real (this machine has what it needs)"
  else
    KIND=simulated
    say "node: simulated ($why)"
  fi
}

# shellcheck shell=bash
# What a real node needs, and how a machine gets it.

# Each command with the Debian package that has it.
NODE_PACKAGES="containerd:containerd ctr:containerd runc:runc iptables:iptables conntrack:conntrack
  ip:iproute2 nsenter:util-linux unshare:util-linux mount:mount"

missing_packages() {
  local pair
  {
    for pair in $NODE_PACKAGES; do
      has_command "${pair%%:*}" || echo "${pair##*:}"
    done
    [[ -n $(cni_plugins_folder) ]] || echo containernetworking-plugins
  } | sort -u | tr '\n' ' '
}

# cni_plugins_folder prints Debian's folder or else that of other distributions, and nothing if neither has the plugins.
cni_plugins_folder() {
  local folder
  for folder in /usr/lib/cni /opt/cni/bin; do
    if [[ -x $folder/bridge && -x $folder/host-local && -x $folder/loopback ]]; then
      echo "$folder"
      return
    fi
  done
}

# why_no_real_node prints why there can be no real node and what to do about it, or nothing. It changes nothing.
why_no_real_node() {
  local missing
  is_linux || { echo "a real node needs Linux; use --node simulated" && return; }
  is_root || { echo "a real node needs root: run as root, or use --node simulated" && return; }
  case $CACHE/ in
    /run/* | /var/*) echo "a real node has /run, /var/lib and /var/log of its own: set HALTLINE_CACHE to another folder" && return ;;
  esac
  missing=$(missing_packages)
  if [[ -n $missing ]] && ! { has_command apt-get && [[ -e /etc/debian_version ]]; }; then
    echo "not installed: $missing(names of Debian's packages): install them, or use --node simulated"
    return
  fi
  [[ -n $missing ]] || why_no_namespaces
}

# why_no_namespaces tries them in namespaces that are gone at once.
why_no_namespaces() {
  if ! unshare --mount --net --pid --fork --mount-proc ip link add try0 type bridge 2>/dev/null; then
    echo "no namespaces or bridge devices can be created: allow them (a container needs --privileged), or use --node simulated"
  elif ! unshare --net iptables --table nat --list-rules >/dev/null 2>&1; then
    echo "iptables has no NAT: load the kernel's modules for it, or use --node simulated"
  fi
}

# install_packages installs the packages that are missing. It prints a message if that fails.
install_packages() {
  local missing policy=/usr/sbin/policy-rc.d mine=''
  missing=$(missing_packages)
  [[ -n $missing ]] || return 0
  say "installing Debian packages: $missing"
  mkdir -p "$CACHE"
  # A package starts its services when it is installed. The cluster starts a containerd of its own and needs no other.
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

# choose_kind WANTED sets KIND. "auto" chooses a real node if there can be one, and prints its choice and why.
choose_kind() {
  local why=''
  case $1 in
    real | auto) ;;
    simulated | none) KIND=$1 && return ;;
    *) die "--node $1: it has to be auto, real, simulated or none" ;;
  esac
  KIND=real
  why=$(why_no_real_node)
  if [[ -z $why ]] && ! install_packages; then why="its packages could not be installed"; fi
  # Some checks need the packages.
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

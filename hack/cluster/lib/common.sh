# shellcheck shell=bash
# Messages and places, for all other files.

CACHE="${HALTLINE_CACHE:-$HOME/.cache/haltline}"
[[ $CACHE == /* ]] || CACHE="$PWD/$CACHE"

# Standard output is for answers that scripts read (a folder, a path); everything else goes to standard error.
say() { printf '%s\n' "$*" >&2; }

die() {
  say "cluster: $*"
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

is_linux() { [[ $(uname -s) == Linux ]]; }

is_root() { [[ $(id -u) == 0 ]]; }

# retry SECONDS COMMAND...: until it succeeds, or the time is over.
retry() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

# shellcheck shell=bash
# Messages and folders, for all other files.

CACHE="${HALTLINE_CACHE:-$HOME/.cache/haltline}"
[[ $CACHE == /* ]] || CACHE="$PWD/$CACHE"

# Standard output is for results that scripts read, such as a path. Everything else goes to standard error.
say() { printf '%s\n' "$*" >&2; }

die() {
  say "cluster: $*"
  exit 1
}

has_command() { command -v "$1" >/dev/null 2>&1; }

is_linux() { [[ $(uname -s) == Linux ]]; }

is_root() { [[ $(id -u) == 0 ]]; }

# retry SECONDS COMMAND... repeats a command until it succeeds. It fails when the time is over.
retry() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

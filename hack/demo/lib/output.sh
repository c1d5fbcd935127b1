# shellcheck shell=bash
# What the demo prints, and how it checks.

BOLD='' PLAIN=''
if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
  BOLD=$'\e[1m' PLAIN=$'\e[0m'
fi

STEP=0

# heading TITLE [SENTENCE...]: the sentences are the contract's.
heading() {
  STEP=$((STEP + 1))
  printf '\n%s=== %d. %s%s\n' "$BOLD" "$STEP" "$1" "$PLAIN"
  shift
  (($# == 0)) || printf '\n'
  (($# == 0)) || printf '    "%s"\n' "$@"
  printf '\n'
}

say() { printf '%s\n' "$*"; }

# run COMMAND: prints a command as a person would type it, and runs it.
run() {
  show "$1"
  eval "$1" 2>&1 || fail "'${1%%$'\n'*}' to succeed" "that it failed"
  printf '\n'
}

show() { printf '%s$ %s%s\n' "$BOLD" "$1" "$PLAIN"; }

# refused COMMAND TEXT: the same for a command that has to fail, and to say why.
refused() {
  local output
  show "$1"
  ! output=$(eval "$1" 2>&1) || fail "the API server to refuse this" "$output"
  printf '%s\n\n' "$output"
  contains "the refusal" "$2" "$output"
}

# fail EXPECTED FOUND: the end of the demo.
fail() {
  printf '\ndemo: expected %s, found %s\n' "$1" "$2" >&2
  exit 1
}

# same WHAT EXPECTED FOUND
same() {
  [[ $2 == "$3" ]] || fail "$1 to be ${2:-empty}" "${3:-nothing}"
}

# contains WHAT EXPECTED TEXT
contains() {
  [[ $3 == *"$2"* ]] || fail "$1 to say \"$2\"" "${3:-nothing}"
}

# lacks WHAT UNEXPECTED TEXT
lacks() {
  [[ $3 != *"$2"* ]] || fail "$1 not to say \"$2\"" "$3"
}

summary() {
  local total=$((SECONDS - BEGAN)) shown=$((SECONDS - SET_UP))
  cat <<TEXT

${BOLD}=== All of it was as it should be.${PLAIN}

  patient    stopped with wait: its containers finished, and nothing further started
  urgent     stopped with wait, then escalated to abandon: its containers were told to end, and did
  dropped    abandoned at once
  quick      ran to its end, and could not be stopped any more
  Rejected:  a second wait, a stop of a finished and of a stopped execution, a stop of an unknown pipeline.
  Refused by the API server: a malformed id, and a change of what was asked for.

It took $total s, $shown s of them for the steps.
TEXT
}

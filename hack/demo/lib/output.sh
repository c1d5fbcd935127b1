# shellcheck shell=bash
# Printing and checking.

BOLD='' PLAIN=''
if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
  BOLD=$'\e[1m' PLAIN=$'\e[0m'
fi

STEP=0

# print_heading TITLE [SENTENCE...] prints the title of a step, and sentences of the contract.
print_heading() {
  STEP=$((STEP + 1))
  printf '\n%s=== %d. %s%s\n' "$BOLD" "$STEP" "$1" "$PLAIN"
  shift
  (($# == 0)) || printf '\n'
  (($# == 0)) || printf '    "%s"\n' "$@"
  printf '\n'
}

say() { printf '%s\n' "$*"; }

print_command() { printf '%s$ %s%s\n' "$BOLD" "$1" "$PLAIN"; }

# run_command COMMAND prints a command as a person would type it, and runs it.
run_command() {
  print_command "$1"
  eval "$1" 2>&1 || fail "'${1%%$'\n'*}' to succeed" "that it failed"
  printf '\n'
}

# assert_refused COMMAND TEXT does the same with a command that has to fail with a message that contains the text.
assert_refused() {
  local output
  print_command "$1"
  ! output=$(eval "$1" 2>&1) || fail "the API server to refuse this" "$output"
  printf '%s\n\n' "$output"
  assert_contains "the refusal" "$2" "$output"
}

# fail EXPECTED FOUND ends the demo.
fail() {
  printf '\ndemo: expected %s, found %s\n' "$1" "$2" >&2
  exit 1
}

# assert_equal WHAT EXPECTED FOUND
assert_equal() {
  [[ $2 == "$3" ]] || fail "$1 to be ${2:-empty}" "${3:-nothing}"
}

# assert_contains WHAT EXPECTED TEXT
assert_contains() {
  [[ $3 == *"$2"* ]] || fail "$1 to contain \"$2\"" "${3:-nothing}"
}

# assert_lacks WHAT UNEXPECTED TEXT
assert_lacks() {
  [[ $3 != *"$2"* ]] || fail "$1 not to contain \"$2\"" "$3"
}

print_summary() {
  local total=$((SECONDS - BEGAN)) steps=$((SECONDS - SET_UP))
  cat <<TEXT

${BOLD}=== Every step came out as expected.${PLAIN}

  patient    stopped with wait: its containers finished, and nothing further started
  urgent     stopped with wait, then escalated to abandon: its containers were asked to end, and ended
  dropped    abandoned at once
  quick      ran to its end, and could not be stopped any more
  asked      waited for a person, who approved it
  unanswered abandoned while it waited for a person: the late answer was rejected
  first      was alone in each stage, waited before the one that was held, and ran to its end
  second     stopped while it waited in the queue: it never started
  Rejected:  a second wait, a stop of a finished and of a stopped execution, a stop of an unknown pipeline.
  Refused by the API server: a malformed id, and a change of what was asked for.

It took $total s, $steps s of them for the steps.
TEXT
}

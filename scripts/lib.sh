# shellcheck shell=bash disable=SC2034 # what is set here is read by those who source it
# What every script here needs: where things are, how to speak, and how long a part took. Sourced, never run.

# The top of the working tree.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Everything fetched or prepared once is kept here, outside the tree; `make clean-cache` empties it.
cache=${TODO_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/todo}

# Where `make servers-up` and `make test` keep the servers' data: short (a Unix socket's path has 107 bytes) and
# reachable by the user postgres, which a folder below /root is not.
default_data=${TODO_TEST_DATA:-${TMPDIR:-/tmp}/todo-test-$(id -u)}

# Debian keeps pgbouncer where only root's PATH leads.
PATH=$PATH:/usr/sbin:/sbin

# rustup's folder is in PATH only for shells that were opened after it was installed, and it finds its toolchains by
# HOME, which in CI may be another one than where they are.
find_rust() {
  local home
  for home in "${HOME:-}" "$(getent passwd "$(id -u)" | cut -d: -f6)"; do
    if [[ -x $home/.cargo/bin/cargo ]]; then
      [[ $home == "${HOME:-}" ]] || export CARGO_HOME="${CARGO_HOME:-$home/.cargo}" RUSTUP_HOME="${RUSTUP_HOME:-$home/.rustup}"
      command -v cargo >/dev/null || PATH=$PATH:$home/.cargo/bin
      return
    fi
  done
  if [[ -n ${CARGO_HOME:-} ]]; then PATH=$PATH:$CARGO_HOME/bin; fi
}
find_rust

# Diagnostics go to stderr: stdout is for what a caller reads.
note() { printf '%s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${self:-$(basename "$0")}" "$*" >&2
  exit 1
}

# Milliseconds on a clock good enough for differences.
now_ms() {
  local micros=${EPOCHREALTIME/[.,]/}
  printf '%s' $((micros / 1000))
}

# seconds MS → "12.3"
seconds() { printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# A file that collects "ms<TAB>result<TAB>name" of each part. The outermost script creates it and prints the table.
begin_times() {
  [[ -z ${TODO_TIMES:-} ]] || return 0
  TODO_TIMES=$(mktemp)
  export TODO_TIMES
  times_are_mine=1
}

# part NAME COMMAND…: runs it, records its seconds, returns its exit code. 75 (sysexits' "try again") says that it could
# not be done here and told why: that is recorded as skipped, never as done.
part() {
  local name=$1 start code=0 result=ok
  shift
  note "== $name"
  start=$(now_ms)
  "$@" || code=$?
  case $code in
    0) ;;
    75) result=skipped code=0 ;;
    *) result=FAILED ;;
  esac
  # A script within a script: its parts are parts of a part.
  [[ -n ${times_are_mine:-} ]] || name="  $name"
  record "$name" "$(($(now_ms) - start))" "$result"
  return "$code"
}

# record NAME MS RESULT; the result "closing" is a line to print below the table.
record() { printf '%s\t%s\t%s\n' "$2" "$3" "$1" >>"${TODO_TIMES:-/dev/null}"; }

end_times() {
  [[ -n ${times_are_mine:-} ]] || return 0
  local ms result name
  printf '\n%10s  %-8s %s\n' seconds result part
  while IFS=$'\t' read -r ms result name; do
    [[ $result == closing ]] || printf '%10s  %-8s %s\n' "$(seconds "$ms")" "$result" "$name"
  done <"$TODO_TIMES"
  sed -n 's/^[0-9]*\tclosing\t//p' "$TODO_TIMES"
  rm -f "$TODO_TIMES"
}

# Progress of long commands: their output goes to the log, the terminal shows how far they are.

# say TEXT
say() { printf '%s\n' "$*"; }

# die TEXT: end with a sentence that says what to do.
die() {
  printf 'setup: %s\n' "$*" >&2
  exit 2
}

# counted LABEL TOTAL PATTERN COMMAND...: run it, counting the lines of its output that match.
counted() {
  local label=$1 total=$2 pattern=$3 status=0
  shift 3
  "$@" 2>&1 </dev/null | show_count "$label" "$total" "$pattern" || status=$?
  [ "$status" -eq 0 ] || {
    tail -n 20 "$log" >&2
    printf 'setup: `%s` failed; all it said is in %s\n' "$*" "$log" >&2
  }
  return "$status"
}

# show_count LABEL TOTAL PATTERN: on a terminal one line that counts up, elsewhere a line now and then.
show_count() {
  local done=0 line
  [ -t 1 ] && printf '%s' "$1" || printf '%s\n' "$1"
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    [[ $line =~ $3 ]] || continue
    done=$((done + 1))
    if [ -t 1 ]; then
      printf '\r%s %d/%d' "$1" "$done" "$2"
    elif ((done % 25 == 0)); then
      printf '%s %d/%d\n' "$1" "$done" "$2"
    fi
  done
  if [ -t 1 ]; then printf '\n'; fi
}

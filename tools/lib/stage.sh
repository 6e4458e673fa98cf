# shellcheck shell=bash
# Runs the stages of tools/test and counts. Sourced, never run. The log of a stage is $stage_logs/NAME.log.
passed=0
failed=0
stage_logs=${stage_logs:-build/test}
stage_pid=

# timeout hands the signal on to all that the stage has started.
stop_stage() {
  [ -z "$stage_pid" ] || { kill -TERM "$stage_pid" && wait "$stage_pid"; } 2>/dev/null || true
  exit 130
}
trap stop_stage INT TERM HUP

# stage NAME SECONDS COMMAND...: adds what the last tally of the command says to passed and failed. No tally, no test at
# all, a crash and a timeout are failures. What says "skipped: ..." is neither: it is counted apart, and told.
stage() {
  local name=$1 limit=$2 log=$stage_logs/$1.log started=$SECONDS status=0 good bad left_out why=
  shift 2
  mkdir -p "$stage_logs"
  # In the background, where a signal to us interrupts the wait; that would also leave SIGINT ignored for the command.
  env --default-signal=INT timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null &
  stage_pid=$!
  wait "$stage_pid" || status=$?
  stage_pid=
  read -r good bad < <(tally "$log")
  if [ $status = 124 ] || [ $status = 137 ]; then
    why=" (stopped after $limit s)"
  elif [ $((good + bad)) = 0 ]; then
    why=" (ran no test)"
  elif [ $status != 0 ] && [ "$bad" = 0 ]; then
    why=" (exit status $status)"
  fi
  [ -z "$why" ] || bad=$((bad + 1))
  [ "$bad" = 0 ] || tail -n 100 "$log"
  left_out=$(grep -c '^skipped: ' "$log" || true)
  [ "$left_out" = 0 ] || why="$why, $left_out skipped"
  printf '%-16s %5d passed, %d failed%s, %d s\n' "$name" "$good" "$bad" "$why" $((SECONDS - started))
  passed=$((passed + good)) failed=$((failed + bad))
}

# "PASSED FAILED" of the last tally in a log: doctest's, unittest's, or our own.
tally() {
  awk '
    /test cases: *[0-9]+ *\| *[0-9]+ passed *\| *[0-9]+ failed/ { split($0, part, "|"); good = part[2] + 0; bad = part[3] + 0 }
    /^Ran [0-9]+ tests? in / { good = $2; bad = 0 }
    /^FAILED \(/ {
      for (rest = $0; match(rest, /(failures|errors)=[0-9]+/); rest = substr(rest, RSTART + RLENGTH)) {
        count = substr(rest, RSTART, RLENGTH)
        sub(/.*=/, "", count)
        bad += count
        good -= count
      }
    }
    /^[a-z0-9-]+: [0-9]+ passed, [0-9]+ failed$/ { good = $2; bad = $4 }
    END { print good + 0, bad + 0 }' "$1"
}

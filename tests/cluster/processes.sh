# shellcheck shell=bash
# Sourced: the processes of our own cluster. Each lives in the cluster's network namespace; its pid is in $W/NAME.pid.

# shellcheck disable=SC2153  # NAME is of settings.sh
inside() { nsenter "--net=/run/netns/$NAME" "$@"; }

bg() { # name command...: start a process of the cluster, which outlives this script
  local name=$1
  shift
  setsid nsenter "--net=/run/netns/$NAME" "$@" >>"$W/log/$name.log" 2>&1 </dev/null 9>&- &
  echo $! >"$W/$name.pid"
}

alive() { # name; a pid that was given to somebody else since then is not in our network
  local pid
  pid=$(cat "$W/$1.pid" 2>/dev/null) || return 1
  [ "/proc/$pid/ns/net" -ef "/run/netns/$NAME" ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null
}

kill_process() { # name: SIGKILL, and wait until it is gone
  ! alive "$1" || kill -KILL "$(cat "$W/$1.pid")" 2>/dev/null || true
  for _ in $(seq 50); do alive "$1" || break; sleep 0.1; done
  rm -f "$W/$1.pid"
}

await() { # seconds, what, process, command...: a bounded wait; it fails at once when the process is gone
  local end=$((SECONDS + $1)) what=$2 process=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    alive "$process" || die "$process ended before: $what" "$process"
    [ $SECONDS -lt $end ] || die "not within the time limit: $what" "$process"
    sleep 0.2
  done
}

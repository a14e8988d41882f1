#!/usr/bin/env bash
# down.sh: take everything away that up.sh made, also after a start that failed. Called twice, it is harmless.
# KEEP_LOGS=FOLDER keeps the logs. The cluster that KUBECONFIG names is left as it is, unless up.sh made it.
. "$(dirname "$0")/settings.sh"
. "$HERE/processes.sh"
. "$HERE/network.sh"
. "$HERE/nodes.sh"
. "$HERE/kind.sh"

own_down() {
  set +e
  [ -z "${KEEP_LOGS:-}" ] || cp -r "$W/log" "$KEEP_LOGS"
  for i in $(seq 0 $((NODES - 1))); do node_stop "$i"; done
  kill_the_rest
  unmount
  [ ! -s "$W/number" ] || network_down
  rmdir /sys/fs/cgroup/{,*/}k8s.io 2>/dev/null # the parent of all containers: it goes with the last cluster
  rm -rf "$W" 2>/dev/null || { sleep 1; rm -rf "$W"; }
  say_what_is_left
}

kill_the_rest() { # the data is thrown away, so that nothing needs a graceful end
  local pids
  for _ in $(seq 50); do
    pids=$(ip netns pids "$NAME" 2>/dev/null)
    [ -n "$pids" ] || break
    # shellcheck disable=SC2086  # one argument for each
    kill -KILL $pids 2>/dev/null
    sleep 0.1
  done
}

unmount() { awk -v work="$W/" 'index($2, work) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null; }

say_what_is_left() {
  local left
  left=$(processes_of "$W/")
  if [ -n "$left" ] || [ -e "$W" ] || ip link show "$NAME-host" >/dev/null 2>&1; then
    die "left behind: processes ${left:-none}, $(ls -d "$W" 2>/dev/null || echo no folder)"
  fi
}

processes_of() { # path: whose command line names it
  local process
  for process in /proc/[0-9]*; do
    { tr '\0' ' ' <"$process/cmdline"; } 2>/dev/null | grep -qF "$1" && echo "${process#/proc/}"
  done | grep -vwE "$$|$PPID" | tr '\n' ' '
}

if [ -n "$GIVEN" ]; then
  echo "the cluster that KUBECONFIG names was not started here: it is left as it is"
  exit
fi
lock
if [ ! -e "$W" ] && ! ip netns list 2>/dev/null | grep -qw "$NAME"; then
  echo "nothing is up"
  exit
fi
if [ "$(which_cluster)" = kind ]; then kind_down; else own_down; fi
echo "down after $SECONDS s"

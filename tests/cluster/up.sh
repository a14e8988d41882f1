#!/usr/bin/env bash
# up.sh [--check|--packages]: a Kubernetes to test on. Its last line is the KUBECONFIG to reach it. Called twice, it is up once.
#
# Which one: the one that KUBECONFIG names (nothing is started); else kind, where docker runs; else a control plane and three
# nodes of our own, built from source on the first call. README.md says what can be set.
# --check only says what is missing, --packages which packages of Debian's are.
. "$(dirname "$0")/settings.sh"
. "$HERE/processes.sh"
. "$HERE/network.sh"
. "$HERE/control_plane.sh"
. "$HERE/nodes.sh"
. "$HERE/kind.sh"
. "$HERE/missing.sh"

given_up() {
  "$(find_kubectl)" --kubeconfig "$GIVEN" --request-timeout=10s get nodes ||
    die "the cluster that KUBECONFIG names does not answer: $GIVEN. Unset KUBECONFIG to start one here."
  echo "KUBECONFIG was given: nothing was started, and no node of it will be killed"
}

own_up() {
  mkdir "$W/log" "$W/registries"
  network_up
  credentials
  for i in $(seq 0 $((NODES - 1))); do node_start "$i"; done
  control_plane_up
  each_node node_images
  each_node node_ready
  await 20 "kube-proxy programs the API's service" proxy curl -sk -m 2 "https://$API_SERVICE_IP/readyz"
  await 20 "the default service account" controllers k get serviceaccount default
  await 20 "the registry answers" registry curl -sf -m 2 "http://$REGISTRY/v2/"
}

is_up() { [ -e "$W/ready" ] && { [ "$which" = kind ] || alive etcd; }; }

own_mend() { # what a test has killed and not started again
  local process
  alive apiserver || api_server_up
  for process in controllers scheduler proxy registry; do
    alive "$process" || die "$process has ended: take the cluster down and start it anew" "$process"
  done
  for i in $(seq 0 $((NODES - 1))); do
    alive "node-$i" || { echo "node-$i was dead: started again"; node_start "$i"; }
  done
  each_node node_ready
}

each_node() { # function: for all nodes at once
  local pids=() pid
  for i in $(seq 0 $((NODES - 1))); do "$1" "$i" & pids+=($!); done
  for pid in "${pids[@]}"; do wait "$pid" || exit 1; done
}

which=$(which_cluster)
if [ "${1:-}" = --packages ]; then
  [ "$which" = given ] || missing_packages "$which" | sort -u
  exit
fi
[ "$which" = given ] || say_missing "$which"
if [ "${1:-}" = --check ]; then
  [ "$which" = given ] || is_built "$which" || die "nothing is built yet: make cluster-up does it, in some minutes"
  exit
fi
if [ "$which" = given ]; then
  given_up
  echo "export KUBECONFIG=$GIVEN"
  exit
fi
lock
if is_up; then
  echo "$NAME is up already"
  "${which}_mend"
else
  [ ! -e "$W" ] || "$HERE/down.sh" # killed half-way, or the machine was started anew
  "$HERE/build.sh" "$which"
  SECONDS=0
  trap '[ $? = 0 ] || "$HERE/down.sh" >&2' EXIT
  mkdir -m 700 "$W" # tokens and keys lie in it
  echo "$NAME" >"$W/name"
  echo "$which" >"$W/which"
  "${which}_up"
  : >"$W/ready"
  echo "up after $SECONDS s"
fi
k get nodes -L mlkit.dev/pool
echo "export KUBECONFIG=$W/admin.kubeconfig"

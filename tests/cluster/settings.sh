# shellcheck shell=bash disable=SC2034  # they are for the scripts that source this one
# Sourced by every script of this folder: names, paths, addresses, and how a cluster is chosen. It starts nothing.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
K8S_VERSION=1.34.4 # the one of go.mod
PATH=$PATH:/usr/sbin:/sbin:/usr/local/go/bin

die() { # message, log name: say what is wrong, with the end of the log that tells
  echo "${0##*/}: $1" >&2
  [ -z "${2:-}" ] || { echo "--- the end of $W/log/$2.log" >&2; tail -n 20 "$W/log/$2.log" >&2 || true; }
  exit 1
}

# built once for all checkouts of this user: minutes of work that no `make clean` should cost
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/airflow-mlkit
BIN=${MLKIT_K8S_BIN:-$CACHE/kubernetes/v$K8S_VERSION} # by build.sh
IMAGES=${MLKIT_K8S_IMAGES:-$CACHE/images}             # by images.sh; each *.tar is imported into each node
REGISTRY_DATA=${MLKIT_K8S_REGISTRY:-$CACHE/registry}  # what was pushed; kept, so that only what changed is pushed again

# A name of its own for each checkout, so that two of them do not meet. It names a network namespace and, with "-host"
# behind it, a network interface: at most 10 characters.
NAME=${MLKIT_K8S_NAME:-$(printf 'mlkit-%04x' $(($(cksum <<<"$HERE" | cut -d' ' -f1) % 65536)))}
W=${MLKIT_K8S_RUN:-${TMPDIR:-/tmp}/$NAME} # the work directory; short, since it holds unix sockets
GIVEN=${KUBECONFIG:-}

if [ -n "$GIVEN" ] && [ -s "$(dirname "$GIVEN")/which" ]; then # the line that up.sh printed was followed: still ours
  W=$(dirname "$GIVEN") NAME=$(cat "$W/name") GIVEN=
fi
[ ${#NAME} -le 10 ] || die "MLKIT_K8S_NAME is at most 10 characters long: $NAME"

which_cluster() { # given, or what is up, or what can be started here
  if [ -n "$GIVEN" ]; then echo given
  elif [ -s "$W/which" ]; then cat "$W/which"
  elif command -v kind >/dev/null && docker info >/dev/null 2>&1; then echo kind
  else echo own; fi
}

addresses() { # number: one of 64 places that clusters on this machine can have beside each other
  IP=10.243.$1.2 HOST_IP=10.243.$1.1 # the cluster's and the host's end of the cable
  POD_CIDR=10.244.$(($1 * 4)).0/22 SERVICE_CIDR=10.245.$1.0/24 API_SERVICE_IP=10.245.$1.1
  REGISTRY=$IP:5000
}
node_cidr() { echo "10.244.$(($(cat "$W/number") * 4 + $1)).0/24"; } # index
if [ -s "$W/number" ]; then addresses "$(cat "$W/number")"; fi

NODES=3

lock() { # one script at a time for this name. What is to outlive the script closes the lock: 9>&-
  [ "${MLKIT_K8S_LOCKED:-}" != "$NAME" ] || return 0 # by the script that called this one
  mkdir -p "$CACHE"
  exec 9>"$CACHE/$NAME.lock"
  flock 9
  export MLKIT_K8S_LOCKED=$NAME
}

has_tools() { # what tests call: built here, or the machine's own
  local tool
  for tool in kubectl helm kubeconform; do
    [ -x "$BIN/$tool" ] || command -v "$tool" >/dev/null || return 1
  done
}

find_kubectl() { if [ -x "$BIN/kubectl" ]; then echo "$BIN/kubectl"; else echo kubectl; fi; }
k() { "$(find_kubectl)" --kubeconfig "$W/admin.kubeconfig" --request-timeout=10s "$@"; }

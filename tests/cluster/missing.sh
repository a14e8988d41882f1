# shellcheck shell=bash
# Sourced: what this machine lacks for kind or for a cluster of our own, said with the line that installs it.

CNI_BIN=${MLKIT_CNI_BIN:-/usr/lib/cni} # where Debian and Ubuntu put the network plugins

# Debian's package for each program
FOR_TESTS="buildah:buildah flock:util-linux" # buildah makes the image of the steps
FOR_NODES="debootstrap:debootstrap etcd:etcd-server containerd:containerd ctr:containerd runc:runc iptables:iptables
conntrack:conntrack ip:iproute2 nsenter:util-linux unshare:util-linux openssl:openssl curl:curl"

say_missing() { # kind|own; it ends the script where something is missing
  local packages
  packages=$(missing_packages "$1" | sort -u | tr '\n' ' ')
  [ -z "$packages" ] || die "a Kubernetes to test on needs: apt-get install -y --no-install-recommends ${packages% }"
  has_programs "$1" || command -v go >/dev/null || die "$(missing_programs "$1"), and that needs Go 1.24 or newer (https://go.dev/dl)"
  [ "$1" = kind ] || [ "$(id -u)" = 0 ] ||
    die "nodes of our own are started by root: sudo -E make cluster-up; or start docker, and install kind"
}

missing_packages() { # kind|own
  local pair programs=$FOR_TESTS
  [ "$1" = kind ] || programs="$FOR_NODES $FOR_TESTS"
  for pair in $programs; do
    command -v "${pair%:*}" >/dev/null || echo "${pair#*:}"
  done
  [ "$1" = kind ] || [ -x "$CNI_BIN/bridge" ] || echo containernetworking-plugins
}

missing_programs() { # kind|own
  if [ "$1" = kind ]; then echo "kubectl, helm or kubeconform is not installed; they are built from source"
  else echo "Kubernetes is built from source"; fi
}

has_programs() { has_tools && { [ "$1" = kind ] || [ -x "$BIN/kubelet" ]; }; } # kind|own
is_built() { has_programs "$1" && [ -s "$IMAGES/python.tar" ]; }               # kind|own

#!/usr/bin/env bash
# build.sh [kind|own]: Kubernetes, helm, kubeconform, an image registry and two images, from source. What is there is skipped.
# kind brings its own Kubernetes: for it only the tools that tests call are built, where the machine has none.
# Needs Go. The versions and the hashes of every module are pinned by go.mod and go.sum.
. "$(dirname "$0")/settings.sh"

which=${1:-$(which_cluster)}
PROGRAMS=(k8s.io/kubernetes/cmd/kubectl helm.sh/helm/v3/cmd/helm github.com/yannh/kubeconform/cmd/kubeconform)
[ "$which" = kind ] || PROGRAMS+=(
  k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kube-scheduler
  k8s.io/kubernetes/cmd/kubelet k8s.io/kubernetes/cmd/kube-proxy ./registry ./pause
)

is_complete() {
  local program
  [ "$which" != kind ] || { has_tools; return; }
  for program in "${PROGRAMS[@]}"; do [ -x "$BIN/${program##*/}" ] || return 1; done
}

stamp() { # what `kubectl version` and `helm version` say, and helm's idea of the cluster where it has none to ask
  local minor=${K8S_VERSION#1.} charts=helm.sh/helm/v3/pkg
  echo "-s -w"
  echo "-X k8s.io/component-base/version.gitVersion=v$K8S_VERSION"
  echo "-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${minor%.*}"
  echo "-X $charts/chartutil.k8sVersionMajor=1 -X $charts/chartutil.k8sVersionMinor=${minor%.*}"
  echo "-X $charts/lint/rules.k8sVersionMajor=1 -X $charts/lint/rules.k8sVersionMinor=${minor%.*}"
}

compile() { # one go command for all: what they share is compiled once, on every core
  command -v go >/dev/null || die "Go 1.24 or newer is not installed (https://go.dev/dl)"
  mkdir -p "$BIN"
  rm -rf "$BIN.new"
  cd "$HERE"
  # a fifth less work (73 s of a processor for ./registry, 90 without): no debug information, which -s -w throws away, and
  # a compiler that collects less garbage
  CGO_ENABLED=0 GOGC=400 go build -buildvcs=false -trimpath -gcflags=all=-dwarf=false \
    -ldflags "$(stamp | tr '\n' ' ')" -o "$BIN.new/" "${PROGRAMS[@]}"
  mv -f "$BIN.new"/* "$BIN"
  rmdir "$BIN.new"
}

build_once() { # a second one that starts meanwhile waits, and finds it done
  mkdir -p "$CACHE"
  exec 8>"$CACHE/build.lock"
  flock 8
  is_complete || compile
  exec 8>&-
}

if ! is_complete; then
  echo "building ${PROGRAMS[*]##*/} from source, with Kubernetes $K8S_VERSION: several minutes, once"
  build_once
  echo "built after $SECONDS s"
fi
"$HERE/images.sh" "$which"

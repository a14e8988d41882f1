# shellcheck shell=bash
# Sourced: the same three nodes in kind, where docker runs. kind names them NAME-worker, NAME-worker2, NAME-worker3.

kind_node() { if [ "$1" = 0 ]; then echo "$NAME-worker"; else echo "$NAME-worker$(($1 + 1))"; fi; }

kind_up() {
  kind_config >"$W/kind.yaml"
  kind create cluster --name "$NAME" --config "$W/kind.yaml" --kubeconfig "$W/admin.kubeconfig" --wait 120s
  kind_pools
  kind_import "$IMAGES/python.tar"
  docker network inspect kind --format '{{range .IPAM.Config}}{{println .Gateway}}{{end}}' | grep -m1 -F . >"$W/host-address"
}

kind_mend() { # what a test has killed and not started again
  kind_api_server_start
  for i in $(seq 0 $((NODES - 1))); do kind_node_start "$i"; kind_node_ready "$i"; done
}

kind_config() {
  cat <<Y
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker}, {role: worker}, {role: worker}]
kubeadmConfigPatches:
- |
  kind: ClusterConfiguration
  apiServer:
    extraArgs:
      default-not-ready-toleration-seconds: "${TOLERATION_SECONDS:-20}"
      default-unreachable-toleration-seconds: "${TOLERATION_SECONDS:-20}"
  controllerManager:
    extraArgs:
      node-monitor-grace-period: "${NODE_GRACE:-12s}"
Y
}

kind_pools() {
  local node
  for i in $(seq 0 $((NODES - 1))); do
    node=$(kind_node "$i")
    k label --overwrite node "$node" "mlkit.dev/pool=${NODE_POOL[$i]}"
    [ -z "${NODE_TAINT[$i]}" ] || k taint --overwrite node "$node" "${NODE_TAINT[$i]}"
    [ "${NODE_POOL[$i]}" != gpu-l4 ] || advertise_gpu "$node"
  done
}

kind_import() { kind load image-archive "$1" --name "$NAME"; } # archive

kind_down() {
  kind delete cluster --name "$NAME"
  rm -rf "$W"
}

kind_node_stop() { docker kill "$(kind_node "$1")" >/dev/null; }   # index
kind_node_start() { docker start "$(kind_node "$1")" >/dev/null; } # index

kind_node_ready() { # index
  k wait --for=condition=Ready "node/$(kind_node "$1")" --timeout=120s >/dev/null
  [ "${NODE_POOL[$1]}" != gpu-l4 ] || advertise_gpu "$(kind_node "$1")"
}

kind_api_server_stop() { # its manifest first, or the kubelet would start it again
  docker exec "$NAME-control-plane" sh -c 'mv /etc/kubernetes/manifests/kube-apiserver.yaml /root/ && pkill -KILL kube-apiserver'
}

kind_api_server_start() {
  docker exec "$NAME-control-plane" sh -c '[ ! -e /root/kube-apiserver.yaml ] || mv /root/kube-apiserver.yaml /etc/kubernetes/manifests/'
  for _ in $(seq 120); do ! k get --raw /readyz >/dev/null 2>&1 || return 0; sleep 0.5; done
  die "kube-apiserver of $NAME does not come back"
}

# shellcheck shell=bash
# Sourced: the nodes of our own cluster. A node is one process tree in a PID and a mount namespace of its own. SIGKILL to its
# first process takes kubelet, containerd, the shims, every container and every mount with it: a power cut.

NODE_POOL=(general high-memory gpu-l4)
NODE_TAINT=("" pool=high-memory:NoSchedule nvidia.com/gpu=present:NoSchedule)

node_start() { # index
  local node=$W/node-$1
  rm -rf "$node/c.sock" "$node/state" "$node/ipam" "$node/over/run" # what a power cut leaves of the last boot
  [ -e "$node/run" ] || node_configure "$1"
  bg "node-$1" unshare --mount --propagation private --pid --fork --kill-child=SIGKILL --mount-proc bash "$node/run"
}

node_configure() { # index
  local node=$W/node-$1
  mkdir -p "$node/cni"
  pod_network "$1" >"$node/cni/10.conflist"
  containerd_config "$1" >"$node/containerd.toml"
  kubelet_config "$1" >"$node/kubelet.yaml"
  : >"$W/log/containerd-$1.log"
  : >"$W/log/kubelet-$1.log"
  first_process "$1" >"$node/run"
}

node_images() { # index: what every node has from the start
  local archive
  await 60 "containerd of node-$1 answers" "node-$1" ctr -a "$W/node-$1/c.sock" version
  for archive in "$IMAGES"/*.tar; do node_import "$1" "$archive"; done
}

node_import() { # index archive
  ctr -a "$W/node-$1/c.sock" -n k8s.io images import "$2" >>"$W/log/containerd-$1.log" 2>&1 ||
    die "node-$1 cannot import $2" "containerd-$1"
}

node_ready() { # index
  await 60 "node-$1 is Ready" "node-$1" k wait --for=condition=Ready "node/node-$1" --timeout=1s
  [ "${NODE_POOL[$1]}" != gpu-l4 ] || advertise_gpu "node-$1"
}

advertise_gpu() { # node: as a device plugin would, with no device behind it
  k patch node "$1" --subresource=status --type=merge >/dev/null \
    -p '{"status": {"capacity": {"nvidia.com/gpu": "1"}, "allocatable": {"nvidia.com/gpu": "1"}}}'
}

node_stop() { # index: SIGKILL to the whole node
  kill_process "node-$1"
  remove_cgroups "$1"
  ! inside ip link show "cni$1" >/dev/null 2>&1 || inside ip link del "cni$1"
}

remove_cgroups() { # index: the killed containers' are empty, but the kernel keeps the directories
  local cgroup container
  for container in "$W/node-$1"/state/io.containerd.runtime.v2.task/k8s.io/*; do
    for cgroup in /sys/fs/cgroup/{,*/}k8s.io/"${container##*/}"; do
      [ ! -d "$cgroup" ] || rmdir "$cgroup" 2>/dev/null || { sleep 0.3; rmdir "$cgroup" 2>/dev/null || true; }
    done
  done
}

pod_network() { # index
  cat <<J
{"cniVersion":"0.4.0","name":"pods","plugins":[{"type":"bridge","bridge":"cni$1","isGateway":true,"ipMasq":false,"hairpinMode":true,
"ipam":{"type":"host-local","dataDir":"$W/node-$1/ipam","ranges":[[{"subnet":"$(node_cidr "$1")"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
{"type":"portmap","capabilities":{"portMappings":true}}]}
J
}

containerd_config() { # index
  cat <<T
version = 2
root = "$W/node-$1/containerd"
state = "$W/node-$1/state"
[grpc]
  address = "$W/node-$1/c.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$W/node-$1/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:3.10"
  restrict_oom_score_adj = true  # without CAP_SYS_RESOURCE runc may not lower a score
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$CNI_BIN"
    conf_dir = "$W/node-$1/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$W/registries"
T
}

kubelet_config() { # index; the nodes share one cgroup tree: none may own it. cgroup v1 is still common on small machines
  cat <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$W/node-$1/c.sock
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
port: $((10250 + $1))
healthzPort: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $W/ca.crt}}
authorization: {mode: Webhook}
resolvConf: ${RESOLV_CONF:-/etc/resolv.conf}
evictionHard: {}
localStorageCapacityIsolation: false
nodeStatusUpdateFrequency: 2s
shutdownGracePeriod: 0s
containerLogMaxSize: ${LOG_MAX_SIZE:-10Mi}
containerLogMaxFiles: 3
containerLogMonitorInterval: 3s
syncFrequency: 10s
K
}

first_process() { # index
  local node=$W/node-$1 taint=${NODE_TAINT[$1]}
  cat <<R
# The first process of node-$1: containerd, then kubelet; it ends when either ends.
# The paths that cannot be configured: the node sees a folder of its own there, the host none of it.
for d in /run/containerd /run/netns /var/log /var/lib/kubelet /var/lib/cni; do
  mkdir -p "\$d" "$node/over\$d" && mount --bind "$node/over\$d" "\$d" || exit 1
done
containerd -c "$node/containerd.toml" >>"$W/log/containerd-$1.log" 2>&1 &
for t in \$(seq 100); do ctr -a "$node/c.sock" version >/dev/null 2>&1 && break; sleep 0.1; done
"$BIN/kubelet" --config "$node/kubelet.yaml" --kubeconfig "$W/node-$1.kubeconfig" --hostname-override node-$1 --node-ip "$IP" \\
  --root-dir "$node/kubelet" --cert-dir "$node/pki" --node-labels=mlkit.dev/pool=${NODE_POOL[$1]} ${taint:+--register-with-taints=$taint} \\
  --v=1 >>"$W/log/kubelet-$1.log" 2>&1 &
wait -n
exit 1
R
}

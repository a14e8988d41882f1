# shellcheck shell=bash
# Sourced: etcd, the API server, the controllers, the scheduler and kube-proxy of our own cluster, and the image registry.

credentials() {
  certificates
  accounts
  audit_policy
}

control_plane_up() {
  bg etcd etcd --data-dir "$W/etcd" --unsafe-no-fsync \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
  api_server_command >"$W/apiserver.run"
  api_server_up
  bg controllers "$BIN/kube-controller-manager" --kubeconfig "$W/controllers.kubeconfig" --leader-elect=false \
    --controllers='*,-cloud-node-lifecycle-controller' --node-monitor-grace-period="${NODE_GRACE:-12s}" --cert-dir="$W/pki" \
    --service-account-private-key-file="$W/sa.key" --root-ca-file="$W/ca.crt" \
    --cluster-signing-cert-file="$W/ca.crt" --cluster-signing-key-file="$W/ca.key"
  bg scheduler "$BIN/kube-scheduler" --kubeconfig "$W/scheduler.kubeconfig" --leader-elect=false
  bg proxy "$BIN/kube-proxy" --config "$W/proxy.yaml" # one is enough: the nodes share one network namespace
  registry_up
}

api_server_up() {
  bg apiserver bash "$W/apiserver.run"
  await 60 "kube-apiserver is ready" apiserver k get --raw /readyz
}

api_server_command() {
  cat <<A
exec "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 --bind-address=0.0.0.0 --advertise-address=$IP \\
  --service-cluster-ip-range=$SERVICE_CIDR --tls-cert-file=$W/api.crt --tls-private-key-file=$W/api.key --client-ca-file=$W/ca.crt \\
  --kubelet-client-certificate=$W/kubelet-client.crt --kubelet-client-key=$W/kubelet-client.key --cert-dir=$W/pki \\
  --service-account-key-file=$W/sa.key --service-account-signing-key-file=$W/sa.key --service-account-issuer=https://kubernetes.default.svc \\
  --authorization-mode=Node,RBAC --token-auth-file=$W/tokens.csv --enable-admission-plugins=NodeRestriction --allow-privileged=true \\
  --kubelet-preferred-address-types=InternalIP ${AUDIT:+--audit-policy-file=$W/audit.yaml --audit-log-path=$W/log/audit.log} \\
  --default-not-ready-toleration-seconds=${TOLERATION_SECONDS:-20} --default-unreachable-toleration-seconds=${TOLERATION_SECONDS:-20}
A
}

registry_up() { # its own network is not reached from elsewhere, so plain HTTP will do
  mkdir -p "$REGISTRY_DATA" "$W/registries/$REGISTRY"
  cat >"$W/registries/$REGISTRY/hosts.toml" <<T
server = "http://$REGISTRY"
[host."http://$REGISTRY"]
  capabilities = ["pull", "resolve"]
T
  cat >"$W/registry.yaml" <<Y
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: "$REGISTRY_DATA"}}
http: {addr: "$REGISTRY"}
Y
  echo "$REGISTRY" >"$W/registry"
  bg registry "$BIN/registry" serve "$W/registry.yaml"
}

certificates() {
  openssl genrsa -out "$W/sa.key" 2048 2>/dev/null
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$W/ca.key" -out "$W/ca.crt" -days 30 -subj "/CN=$NAME" 2>/dev/null
  certificate api /CN=kube-apiserver "subjectAltName=IP:127.0.0.1,IP:$API_SERVICE_IP,IP:$IP,DNS:kubernetes.default.svc,DNS:localhost"
  certificate kubelet-client /O=system:masters/CN=apiserver
}

certificate() { # name subject [alternative names]
  openssl req -newkey rsa:2048 -nodes -keyout "$W/$1.key" -out "$W/$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$W/$1.csr" -CA "$W/ca.crt" -CAkey "$W/ca.key" -CAcreateserial -out "$W/$1.crt" -days 30 \
    -extfile <(echo "${3:-}") 2>/dev/null
}

accounts() { # who may speak to the API server, each with a token made for this cluster
  : >"$W/tokens.csv"
  account admin admin system:masters
  account controllers system:kube-controller-manager system:masters
  account scheduler system:kube-scheduler
  account proxy system:kube-proxy
  for i in 0 1 2; do account "node-$i" "system:node:node-$i" system:nodes; done
  cat >"$W/proxy.yaml" <<P
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
hostnameOverride: node-0
clusterCIDR: $POD_CIDR
clientConnection: {kubeconfig: $W/proxy.kubeconfig}
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
P
}

account() { # file user [group]
  local token
  token=$(openssl rand -hex 16)
  echo "$token,$2,$1${3:+,$3}" >>"$W/tokens.csv"
  cat >"$W/$1.kubeconfig" <<K
apiVersion: v1
kind: Config
clusters: [{name: $NAME, cluster: {server: "https://$IP:6443", certificate-authority-data: $(base64 -w0 "$W/ca.crt")}}]
users: [{name: $1, user: {token: $token}}]
contexts: [{name: $NAME, context: {cluster: $NAME, user: $1}}]
current-context: $NAME
K
}

audit_policy() {
  cat >"$W/audit.yaml" <<A
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, userGroups: ["system:masters", "system:nodes"]}
- {level: None, users: ["system:kube-scheduler", "system:kube-proxy"]}
- {level: Metadata}
A
}

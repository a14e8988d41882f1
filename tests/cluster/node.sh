#!/usr/bin/env bash
# node.sh kill|start 0|1|2|apiserver: a power cut of a node or of the API server, and its return.
# node.sh refuse|accept 0|1|2: the node's kubelet cannot be reached for logs; it can again.
# node.sh cut|mend: what goes between our own cluster and this machine gets lost; it arrives again.
# node.sh import ARCHIVE: an image into every node.
. "$(dirname "$0")/settings.sh"
. "$HERE/processes.sh"
. "$HERE/control_plane.sh"
. "$HERE/nodes.sh"
. "$HERE/kind.sh"

own_node_stop() { node_stop "$1"; }
own_node_start() { alive "node-$1" || node_start "$1"; }
own_node_ready() { node_ready "$1"; }
own_api_server_stop() { kill_process apiserver; }
own_api_server_start() { alive apiserver || api_server_up; }
own_import() { for i in $(seq 0 $((NODES - 1))); do node_import "$i" "$1"; done; }

kubelet_port() { # -I|-D index: put a rule into the cluster's network, or take it out again
  inside iptables "$1" INPUT -p tcp --dport $((10250 + $2)) -j REJECT --reject-with tcp-reset
}
own_refuse() { kubelet_port -I "$1"; }
own_accept() { kubelet_port -D "$1"; }
own_cable() { # -I|-D
  inside iptables "$1" INPUT -i "$NAME-net" -j DROP && inside iptables "$1" FORWARD -i "$NAME-net" -j DROP
}
own_cut() { own_cable -I; }
own_mend() { own_cable -D; }
kind_cut() { die "kind has no cable of its own that could be cut"; }
kind_refuse() { docker exec "$(kind_node "$1")" iptables -I INPUT -p tcp --dport 10250 -j REJECT --reject-with tcp-reset; }
kind_accept() { docker exec "$(kind_node "$1")" iptables -D INPUT -p tcp --dport 10250 -j REJECT --reject-with tcp-reset; }

[ -z "$GIVEN" ] || die "the cluster that KUBECONFIG names was not started here: none of its nodes is touched"
[ -s "$W/which" ] || die "no cluster is up: make cluster-up"
which=$(cat "$W/which")
case "${1:-} ${2:-}" in
  "kill apiserver") "${which}_api_server_stop" ;;
  "start apiserver") "${which}_api_server_start" ;;
  "kill "[0-2]) "${which}_node_stop" "$2" ;;
  "start "[0-2]) "${which}_node_start" "$2" && "${which}_node_ready" "$2" ;;
  "refuse "[0-2] | "accept "[0-2]) "${which}_$1" "$2" ;;
  "cut " | "mend ") "${which}_$1" ;;
  "import "?*) "${which}_import" "$2" ;;
  *) die "usage: node.sh kill|start 0|1|2|apiserver, node.sh refuse|accept 0|1|2, node.sh cut|mend, node.sh import ARCHIVE" ;;
esac

# shellcheck shell=bash
# Sourced: the network of our own cluster. All of it lives in one network namespace with a cable to the host; bridges,
# routes and iptables rules go when it goes. Pods and services can be reached from the host, and the host from pods.

network_up() {
  ip netns add "$NAME"
  lay_cable 8>"$CACHE/addresses.lock"
  inside ip link set lo up
  inside ip addr add "$IP/30" dev "$NAME-net"
  inside ip link set "$NAME-net" up
  inside ip route add default via "$HOST_IP"
  inside sysctl -qw net.ipv4.ip_forward=1
  ip route add "$POD_CIDR" via "$IP"
  ip route add "$SERVICE_CIDR" via "$IP"
}

lay_cable() { # two clusters that start at once take two places: one after the other
  flock 8
  free_number >"$W/number"
  addresses "$(cat "$W/number")"
  ip link add "$NAME-host" type veth peer name "$NAME-net" netns "$NAME"
  ip addr add "$HOST_IP/30" dev "$NAME-host"
  ip link set "$NAME-host" up
}

free_number() { # it follows from the name, so that addresses stay the same from day to day, unless it is taken
  local first number
  first=$(($(cksum <<<"$NAME" | cut -d' ' -f1) % 64))
  for number in $(seq "$first" 63) $(seq 0 "$first"); do
    [ -n "$(ip -o route show "10.243.$number.0/30")" ] || { echo "$number"; return; }
  done
  die "all 64 places for clusters on this machine are taken: 10.243.0.0/30 and on"
}

network_down() {
  ip route del "$POD_CIDR" 2>/dev/null
  ip route del "$SERVICE_CIDR" 2>/dev/null
  ip link del "$NAME-host" 2>/dev/null
  ip netns del "$NAME" 2>/dev/null
  true
}

# Names, places and addresses, and how processes are started and stopped.

K8S=1.34.4 # newer kubelets refuse cgroup v1
COREDNS=1.12.4
HELM=3.19.5

CACHE=${WEIR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/weir}/cluster # binaries and images; `down` leaves it
BIN=$CACHE/k8s-$K8S-coredns-$COREDNS
HELM_BIN=$CACHE/helm-$HELM # apart: the chart's tests need helm and no cluster
STATE=/var/lib/weir-cluster # everything else; `down` removes it
RUN=/run/weir-cluster       # sockets, which must not outlive a reboot

NET=10.210 # one /16 for everything
NODE_IP=$NET.0.1
POD_CIDR=$NET.1.0/24
SERVICE_CIDR=$NET.128.0/20
API_IP=$NET.128.1  # kubernetes.default.svc
DNS_IP=$NET.128.10 # kube-dns.kube-system.svc
BRIDGE=weir-node
NODE=weir

PAUSE_IMAGE=localhost/pause:1
BASE_IMAGE=localhost/debian:bookworm

export STATE RUN NODE_IP POD_CIDR DNS_IP NODE PAUSE_IMAGE # for the templates in config/
export PATH=$BIN:$HELM_BIN:$PATH:/usr/sbin:/sbin
export KUBECONFIG=$STATE/admin.kubeconfig
export CONTAINERD_ADDRESS=$RUN/containerd.sock CONTAINERD_NAMESPACE=k8s.io
bypass=${NO_PROXY:-${no_proxy:-localhost}}
[[ $bypass == *$NET.0.0/16* ]] || bypass+=,$NET.0.0/16
export NO_PROXY=$bypass no_proxy=$bypass

say() { printf 'cluster: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

as_root() {
  [ "$(id -u)" = 0 ] || die "must run as root"
  mkdir -p "$CACHE/log"
}

one_at_a_time() {
  mkdir -p "$CACHE/log"
  exec 9>"$CACHE/lock"
  flock 9
}

render() { envsubst <"$here/config/$1"; }

wait_for() { # SECONDS WHAT COMMAND...
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || die "gave up waiting for $what; the logs are in $STATE/log"
    sleep 0.3
  done
}

# A process is known by its id and its start time, so a recycled id is never mistaken for ours.
start_time() { awk '$3 != "Z" { print $22 }' "/proc/$1/stat" 2>/dev/null; }

alive() { # NAME
  local pid started
  read -r pid started 2>/dev/null <"$STATE/pid/$1" && [ "$(start_time "$pid")" = "$started" ]
}

start() { # NAME COMMAND...: in a session of its own, unless it runs already
  local name=$1
  shift
  alive "$name" && return
  mkdir -p "$STATE/pid" "$STATE/log"
  rm -f "$STATE/pid/$name"
  setsid --fork bash -c 'echo $$ "$(awk "{ print \$22 }" /proc/$$/stat)" >"$0"; exec "$@"' \
    "$STATE/pid/$name" "$@" >>"$STATE/log/$name.log" 2>&1 </dev/null 9>&-
  until [ -s "$STATE/pid/$name" ]; do sleep 0.05; done
}

stop() { # NAME...: with its whole process group
  local name pid
  for name; do
    if alive "$name"; then
      read -r pid _ <"$STATE/pid/$name"
      kill -TERM -- "-$pid" || true
      for _ in {1..60}; do
        alive "$name" || break
        sleep 0.25
      done
      if alive "$name"; then kill -KILL -- "-$pid" || true; fi
    fi
    rm -f "$STATE/pid/$name"
  done
}

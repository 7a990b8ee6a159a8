# The cluster itself: network, certificates, control plane, node.

PROCESSES=(etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy coredns provisioner)

# What the kubelet and the pods' routing change on the machine; `down` puts it back.
SYSCTLS=(net.ipv4.ip_forward vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops
  kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

network_up() {
  [ -f "$STATE/sysctls" ] || sysctl "${SYSCTLS[@]}" >"$STATE/sysctls"
  sysctl -q -w net.ipv4.ip_forward=1
  if ! ip link show "$BRIDGE" >/dev/null 2>&1; then
    ! ip -4 route | grep -q "^$NET\." || die "$NET.0.0/16 is taken on this machine"
    ip link add "$BRIDGE" type bridge
    ip address add "$NODE_IP/24" dev "$BRIDGE"
    ip link set "$BRIDGE" up
    ip route add "$SERVICE_CIDR" dev "$BRIDGE" # so that the host's own packets to a ClusterIP come from NODE_IP
  fi
  nft -f - <<EON
table ip weir-cluster
delete table ip weir-cluster
table ip weir-cluster {
  chain leaving {
    type nat hook postrouting priority srcnat
    ip saddr $POD_CIDR ip daddr != $NET.0.0/16 masquerade
  }
}
EON
}

network_down() {
  local table
  for table in "ip weir-cluster" "ip kube-proxy" "ip6 kube-proxy"; do
    nft delete table $table 2>/dev/null || true
  done
  ip link delete "$BRIDGE" 2>/dev/null || true
  [ ! -f "$STATE/sysctls" ] || sysctl -q -p "$STATE/sysctls" >/dev/null || true
}

certificate() { # NAME COMMON-NAME ORGANISATION
  local file=$STATE/pki/$1 names=DNS:localhost,IP:127.0.0.1,IP:$NODE_IP,IP:$API_IP name
  for name in kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster.local; do
    names+=,DNS:$name
  done
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout "$file.key" \
    -subj "/O=$3/CN=$2" -addext "subjectAltName=$names" |
    openssl x509 -req -CA "$STATE/pki/ca.crt" -CAkey "$STATE/pki/ca.key" -CAcreateserial -days 365 \
      -copy_extensions copy -out "$file.crt"
}

kubeconfig() { # NAME
  local pki=$STATE/pki
  cat >"$STATE/$1.kubeconfig" <<EOK
apiVersion: v1
kind: Config
current-context: weir
clusters: [{name: weir, cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}}]
contexts: [{name: weir, context: {cluster: weir, user: $1}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$pki/$1.crt"), client-key-data: $(base64 -w0 "$pki/$1.key")}}]
EOK
}

credentials() {
  [ -f "$STATE/pki/done" ] && return
  local pki=$STATE/pki user
  mkdir -p "$pki" "$STATE/log"
  {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=weir-cluster -days 365 \
      -keyout "$pki/ca.key" -out "$pki/ca.crt"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$pki/tokens.key"
    openssl pkey -in "$pki/tokens.key" -pubout -out "$pki/tokens.pub"
    certificate kube-apiserver kube-apiserver weir
    certificate admin admin system:masters
    certificate kubelet "system:node:$NODE" system:nodes
    for user in kube-controller-manager kube-scheduler kube-proxy coredns; do
      certificate "$user" "system:$user" weir
    done
  } 2>"$STATE/log/openssl.log"
  for user in admin kubelet kube-controller-manager kube-scheduler kube-proxy coredns; do
    kubeconfig "$user"
  done
  touch "$pki/done"
}

control_plane() {
  local pki=$STATE/pki
  start etcd etcd --data-dir "$STATE/etcd" --unsafe-no-fsync \
    --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
    --listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 \
    --initial-cluster default=http://127.0.0.1:12380
  start kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:12379 \
    --bind-address "$NODE_IP" --advertise-address "$NODE_IP" --secure-port 6443 \
    --service-cluster-ip-range "$SERVICE_CIDR" --allow-privileged \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --client-ca-file "$pki/ca.crt" --tls-cert-file "$pki/kube-apiserver.crt" --tls-private-key-file "$pki/kube-apiserver.key" \
    --kubelet-client-certificate "$pki/admin.crt" --kubelet-client-key "$pki/admin.key" \
    --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$pki/tokens.pub" --service-account-signing-key-file "$pki/tokens.key"
  wait_for 120 "the API server" kubectl get --raw /readyz
  start kube-controller-manager kube-controller-manager --kubeconfig "$STATE/kube-controller-manager.kubeconfig" \
    --bind-address 127.0.0.1 --leader-elect=false --use-service-account-credentials \
    --root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/tokens.key" \
    --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key"
  start kube-scheduler kube-scheduler --kubeconfig "$STATE/kube-scheduler.kubeconfig" \
    --bind-address 127.0.0.1 --leader-elect=false
}

containers() {
  start containerd containerd --config "$STATE/containerd.toml"
  wait_for 60 containerd ctr version
}

node() {
  pause_image
  load "$PAUSE_IMAGE"
  start kubelet kubelet --config "$STATE/kubelet.yaml" --kubeconfig "$STATE/kubelet.kubeconfig" \
    --root-dir "$STATE/kubelet" --hostname-override "$NODE" --node-ip "$NODE_IP"
  start kube-proxy kube-proxy --config "$STATE/kube-proxy.yaml"
  start coredns coredns -conf "$STATE/Corefile"
  start provisioner env VOLUMES="$STATE/volumes" "$here/lib/provisioner"
}

# One question over UDP, answered without an error and with at least one record.
dns_answers() {
  local answer
  exec 8<>"/dev/udp/$DNS_IP/53"
  printf '\x12\x34\1\0\0\1\0\0\0\0\0\0\x08kube-dns\x0bkube-system\3svc\7cluster\5local\0\0\1\0\1' >&8
  answer=$(timeout 1 dd bs=512 count=1 <&8 2>/dev/null | od -An -tx1 -v | tr -d ' \n')
  exec 8>&-
  [ "${answer:7:1}" = 0 ] && [ "${answer:12:4}" != 0000 ]
}

up() {
  local begun=$SECONDS
  packages
  binaries
  mkdir -p "$STATE/cni" "$STATE/volumes" "$RUN"
  chmod 700 "$STATE"
  local file
  for file in containerd.toml kubelet.yaml kube-proxy.yaml Corefile; do render "$file" >"$STATE/$file"; done
  render cni.conflist >"$STATE/cni/10-weir.conflist"
  network_up
  credentials
  containers
  control_plane
  render addons.yaml | kubectl apply -f - >/dev/null
  node
  wait_for 120 "the node" kubectl wait --for condition=Ready "node/$NODE" --timeout 5s
  wait_for 60 "the default service account" kubectl get serviceaccount default
  wait_for 60 "cluster DNS" dns_answers
  say "up after $((SECONDS - begun)) s"
}

# Whatever the kubelet left running: containers, their sandboxes and network namespaces.
end_containers() {
  local id namespaces
  namespaces=$(for id in $(ctr containers list -q); do ctr containers info "$id"; done | sed -n 's#.*\(netns/cni-[0-9a-f-]*\).*#\1#p' | sort -u)
  for id in $(ctr tasks list -q); do
    ctr tasks kill -s SIGKILL "$id" || true
    ctr tasks delete -f "$id" || true
  done
  for id in $namespaces; do ip netns delete "${id#netns/}" || true; done
  for id in $(ctr containers list -q); do rm -f /var/lib/cni/results/*-"$id"-*; done
} >/dev/null 2>&1

unmount() { # FOLDER...: all below it, deepest first
  local folder
  for folder; do
    awk -v under="$folder" '$5 == under || index($5, under "/") == 1 { print $5 }' /proc/self/mountinfo |
      sort -r | while read -r folder; do umount "$folder" || umount -l "$folder"; done
  done
}

down() {
  if [ -d "$STATE" ]; then
    stop kube-controller-manager kube-scheduler # so that nothing replaces the pods
    if alive kubelet && alive kube-apiserver; then
      timeout 40 kubectl delete pods --all -A --grace-period 1 >/dev/null 2>&1 || true
    fi
    stop provisioner coredns kube-proxy kubelet kube-apiserver etcd
    if [ -f "$STATE/containerd.toml" ]; then
      containers
      end_containers
    fi
    stop containerd
  fi
  unmount "$STATE" "$RUN"
  network_down
  find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
  find /var/log/containers -lname "$STATE/*" -delete 2>/dev/null || true
  rm -f /var/lib/kubelet/device-plugins/kubelet.sock # the two paths the kubelet does not let one choose
  rmdir /var/lib/kubelet/device-plugins /var/lib/kubelet 2>/dev/null || true
  # a mount that is still there may be a folder of somebody else's
  ! grep -qE " ($STATE|$RUN)[/ ]" /proc/self/mountinfo || die "cannot unmount everything below $STATE"
  rm -rf "$STATE" "$RUN"
}

status() {
  local name all=0
  for name in "${PROCESSES[@]}"; do
    if alive "$name"; then
      printf '%-24s running, process %s\n' "$name" "$(cut -d' ' -f1 "$STATE/pid/$name")"
    else
      printf '%-24s down\n' "$name"
      all=1
    fi
  done
  [ $all = 0 ] && kubectl get nodes -o wide && dns_answers && echo "cluster DNS answers"
}

environment() {
  printf 'export KUBECONFIG=%q\n' "$KUBECONFIG"
  printf 'export PATH=%q:%q:"$PATH"\n' "$BIN" "$HELM_BIN"
  printf 'export NODE_IP=%s\n' "$NODE_IP"
  printf 'export CONTAINERD_ADDRESS=%q CONTAINERD_NAMESPACE=%s\n' "$CONTAINERD_ADDRESS" "$CONTAINERD_NAMESPACE"
  printf 'export NO_PROXY=%q no_proxy=%q\n' "$NO_PROXY" "$NO_PROXY"
}

# Debian packages, and the binaries built from Go modules.

PACKAGES=(etcd-server containerd runc containernetworking-plugins nftables iproute2 procps
  buildah debootstrap openssl gettext-base util-linux ca-certificates)

packages() {
  local missing=() package
  for package in "${PACKAGES[@]}"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}"; } \
    >"$CACHE/log/apt.log" 2>&1 </dev/null || die "apt-get failed, see $CACHE/log/apt.log"
}

go_build() { # OUT LDFLAGS PACKAGE...: in the module of the current folder
  local out=$1 ldflags=$2
  shift 2
  CGO_ENABLED=0 go build -mod=mod -trimpath -ldflags "-s -w $ldflags" -o "$out" "$@"
}

# k8s.io/kubernetes is not meant to be a dependency: it asks for its own staging modules at v0.0.0.
build_kubernetes() {
  local version=k8s.io/component-base/version gomod
  gomod=$(go mod download -json "k8s.io/kubernetes@v$K8S" | sed -n 's/^\t"GoMod": "\(.*\)",\?$/\1/p')
  {
    printf 'module cluster\ngo 1.24.0\nrequire k8s.io/kubernetes v%s\n' "$K8S"
    awk -v v="v0.${K8S#1.}" '$1 ~ "^k8s.io/" && $2 == "v0.0.0" { print "require", $1, v; print "replace", $1, "=>", $1, v }' "$gomod"
  } >go.mod
  go_build "$1/" "-X $version.gitVersion=v$K8S -X $version.gitMajor=1 -X $version.gitMinor=$(cut -d. -f2 <<<"$K8S") -X $version.gitTreeState=clean" \
    k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kubelet,kube-proxy,kubectl}
}

build_coredns() {
  printf 'module coredns\ngo 1.24.0\nrequire github.com/coredns/coredns v%s\n' "$COREDNS" >go.mod
  cp "$here/go/coredns.go" .
  go_build "$1/coredns" "" .
}

build_helm() {
  local minor
  minor=$(cut -d. -f2 <<<"$K8S")
  printf 'module helm\ngo 1.24.0\nrequire helm.sh/helm/v3 v%s\n' "$HELM" >go.mod
  go_build "$1/helm" "-X helm.sh/helm/v3/internal/version.version=v$HELM
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=$minor" \
    helm.sh/helm/v3/cmd/helm
}

build_pause() {
  printf 'module pause\ngo 1.24.0\n' >go.mod
  cp "$here/go/pause.go" .
  go_build "$1/pause" "" .
}

# Each part is built in a folder of its own; the result gets its name only when all of its parts are there.
build_parts() { # OUT PART...
  local out=$1 part begun
  shift
  [ -d "$out" ] && return
  command -v go >/dev/null || die "needs Go 1.24 or newer to build $*"
  mkdir -p "$out.part"
  for part; do
    say "building $part"
    begun=$SECONDS
    (
      mkdir -p "$CACHE/src/$part"
      cd "$CACHE/src/$part"
      "build_$part" "$out.part"
    ) >"$CACHE/log/build-$part.log" 2>&1 || die "cannot build $part, see $CACHE/log/build-$part.log"
    say "built $part in $((SECONDS - begun)) s"
  done
  mv "$out.part" "$out"
}

helm_binary() { build_parts "$HELM_BIN" helm; }

binaries() {
  helm_binary
  build_parts "$BIN" kubernetes coredns pause
}

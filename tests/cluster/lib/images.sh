# Images: built by buildah in a store of the cache, then handed to the cluster's containerd.

image_store() { # COMMAND...
  local command=$1
  shift
  buildah --root "$CACHE/images" --runroot "$RUN/images" --storage-driver overlay "$command" "$@"
}

have_image() { image_store inspect --type image "$1" >/dev/null 2>&1; }

pause_image() {
  have_image "$PAUSE_IMAGE" && return
  local container
  container=$(image_store from scratch)
  image_store copy -q "$container" "$BIN/pause" /pause >/dev/null
  image_store config --entrypoint '["/pause"]' "$container"
  image_store commit -q --rm "$container" "$PAUSE_IMAGE" >/dev/null
}

# Debian as this machine sees it: its mirror, its apt configuration and the certificates it trusts.
base_image() {
  have_image "$BASE_IMAGE" && return
  local container root mirror log=$CACHE/log/base-image.log
  mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "bookworm" && $2 == "main" { print $3; exit }')
  say "making $BASE_IMAGE"
  container=$(image_store from scratch)
  root=$(image_store mount "$container")
  {
    debootstrap --variant=minbase --include=ca-certificates bookworm "$root" ${mirror:+"$mirror"} &&
      rm -f "$root/etc/apt/sources.list" && cp -a /etc/apt/. "$root/etc/apt/" &&
      cp -an /usr/share/keyrings/. "$root/usr/share/keyrings/" &&
      cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/" &&
      chroot "$root" update-ca-certificates &&
      rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
  } >"$log" 2>&1 || {
    image_store rm "$container" >/dev/null
    die "debootstrap failed, see $log"
  }
  image_store umount "$container" >/dev/null
  image_store config --cmd bash "$container"
  image_store commit -q --rm "$container" "$BASE_IMAGE" >/dev/null
}

# What pip is told on this machine, by files and by variables, as one file.
pip_configuration() {
  command -v python3 >/dev/null || return 0
  python3 - <<'EOP'
import configparser, os, sys

files = ["/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf", os.environ.get("PIP_CONFIG_FILE", "")]
config = configparser.RawConfigParser()
config.read(map(os.path.expanduser, files))
options = {name[4:].lower().replace("_", "-"): value for name, value in os.environ.items() if name.startswith("PIP_")}
options.pop("config-file", None)
config.read_dict({"global": options})
config.write(sys.stdout)
EOP
}

build() { # -t NAME [-f DOCKERFILE] [--build-arg K=V]... [--OTHER-BUILDAH-OPTION[=VALUE]]... CONTEXT
  local name='' file='' context='' options=() log begun=$SECONDS
  while [ $# -gt 0 ]; do
    case $1 in
      -t) name=$2 && shift ;;
      -f) file=$2 && shift ;;
      --build-arg) options+=("$1" "$2") && shift ;;
      -*) options+=("$1") ;;
      *) context=$1 ;;
    esac
    shift
  done
  [ -n "$name" ] && [ -d "$context" ] || die "usage: cluster build -t NAME [-f DOCKERFILE] [--build-arg K=V]... CONTEXT"
  file=${file:-$context/Dockerfile}
  if grep -q '^ARG BASE_IMAGE' "$file" && [[ ${options[*]} != *BASE_IMAGE=* ]]; then
    base_image
    options+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
  fi
  pip_configuration >"$CACHE/pip.conf"
  options+=(-v "$CACHE/pip.conf:/etc/pip.conf:ro")
  [ ! -f "$HOME/.m2/settings.xml" ] || options+=(-v "$HOME/.m2/settings.xml:/root/.m2/settings.xml:ro")
  [ ! -d "${PIP_FIND_LINKS-}" ] || options+=(-v "$PIP_FIND_LINKS:$PIP_FIND_LINKS:ro")
  log=$CACHE/log/image-${name//[:\/]/_}.log
  image_store build --isolation chroot --layers "${options[@]}" -t "$name" -f "$file" "$context" >"$log" 2>&1 ||
    {
      tail -n 25 "$log" >&2
      die "cannot build $name, see $log"
    }
  say "built $name in $((SECONDS - begun)) s"
}

load() { # NAME...
  local name id mark
  for name; do
    id=$(image_store inspect --type image --format '{{.FromImageID}}' "$name") || die "no image $name; build it first"
    mark=$STATE/loaded/${name//\//_}
    [ "$id" = "$(cat "$mark" 2>/dev/null)" ] && continue
    alive containerd || die "the cluster is not up"
    image_store push -q "$name" "docker-archive:/dev/stdout:$name" | ctr images import - >/dev/null
    mkdir -p "$STATE/loaded"
    echo "$id" >"$mark"
  done
}

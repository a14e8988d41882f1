#!/usr/bin/env bash
# images.sh [kind|own]: pause.tar and python.tar (docker archives), made without any image registry. What is there is skipped.
# python.tar is Debian's own Python as localhost/python:bookworm, from the mirror that apt uses, or from DEBIAN_MIRROR. For
# kind docker makes it, of the image that Docker Hub has of Debian: debootstrap is for root only.
. "$(dirname "$0")/settings.sh"

SUITE=bookworm # Python 3.11, for which tests/step_image.py installs
PACKAGES=python3,python3-venv,ca-certificates,libgomp1

image() { # tag, what, where in the image, archive, buildah config...
  local container
  container=$(buildah from scratch)
  buildah add -q "$container" "$2" "$3" >/dev/null
  buildah config "${@:5}" "$container"
  buildah commit -q "$container" "$1" >/dev/null
  buildah rm "$container" >/dev/null
  rm -f "$4.new"
  buildah push -q "$1" "docker-archive:$4.new:$1"
  mv "$4.new" "$4"
  echo "$1: $(stat -c %s "$4" | numfmt --to=iec), after $SECONDS s"
}

mirror_of_apt() {
  # shellcheck disable=SC2016  # apt's own words, not the shell's
  apt-get indextargets --format '$(SITE) $(CODENAME)' 'Created-By: Packages' |
    awk -v suite="$SUITE" '$2 == suite {print $1; exit}'
}

debian_python() { # folder
  local mirror
  mirror=${DEBIAN_MIRROR:-$(mirror_of_apt)}
  [ -n "$mirror" ] || die "apt knows no mirror with $SUITE: set DEBIAN_MIRROR"
  debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$1" "$mirror" >"$IMAGES/debootstrap.log" 2>&1 ||
    { tail -n 20 "$IMAGES/debootstrap.log" >&2; die "debootstrap failed"; }
  rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/usr/share/{doc,man,locale}/*
}

docker_python() { # archive
  docker build --quiet --tag "localhost/python:$SUITE" - <<D
FROM debian:$SUITE-slim
RUN apt-get update && apt-get install -y --no-install-recommends ${PACKAGES//,/ } && rm -rf /var/lib/apt/lists/*
CMD ["python3"]
D
  docker save --output "$1.new" "localhost/python:$SUITE"
  mv "$1.new" "$1"
}

mkdir -p "$IMAGES"
exec 7>"$CACHE/images.lock"
flock 7
if [ "${1:-own}" = kind ]; then
  [ -s "$IMAGES/python.tar" ] || docker_python "$IMAGES/python.tar"
  exit
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ ! -s "$IMAGES/pause.tar" ]; then
  image localhost/pause:3.10 "$BIN/pause" /pause "$IMAGES/pause.tar" --entrypoint '["/pause"]' --user 65535:65535
fi
if [ ! -s "$IMAGES/python.tar" ]; then
  debian_python "$scratch/root"
  image "localhost/python:$SUITE" "$scratch/root" / "$IMAGES/python.tar" --cmd python3
fi

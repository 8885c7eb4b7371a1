#!/usr/bin/env bash
# The deployment, started for real: `make compose-test`. As root, on Debian 12 or newer.
#
# Takes what is needed from Debian and the package index (docker.io where there is no dockerd, Docker Compose 2, the makings
# of stand-in base images, the pinned wheels), then rehearses in namespaces of its own: an engine of its own, no network but
# the one inside, so that nothing can be fetched while it runs and nothing outlives it.
set -euo pipefail
cd "$(dirname "$0")/../.."
checkout=$PWD
cache=$checkout/var/compose-test
python=${1:?path of a python with pip}
suite=${COMPOSE_SUITE:-trixie}

[ "$(id -u)" = 0 ] || { echo "make compose-test starts a container engine: run it as root"; exit 1; }
mkdir -p "$cache/wheels"
exec 9> "$cache/lock"
flock --nonblock 9 || { echo "make compose-test runs already"; exit 1; }

install_packages() {
    local missing=()
    command -v dockerd > /dev/null || missing+=(docker.io)
    command -v iptables > /dev/null || missing+=(iptables)
    command -v mmdebstrap > /dev/null || missing+=(mmdebstrap)
    command -v ip > /dev/null || missing+=(iproute2)
    [ ${#missing[@]} = 0 ] && return
    echo "Installing ${missing[*]} …"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > "$cache/apt.log" 2>&1 \
        || { tail -20 "$cache/apt.log"; exit 1; }
}

# Debian 12 has Compose 1.29 only: the plugins of a newer release, unpacked beside, not installed.
fetch_compose() {
    local plugins=$cache/$suite/cli-plugins
    [ -x "$plugins/docker-compose" ] && return
    echo "Fetching Docker Compose 2 of Debian $suite …"
    local apt=$cache/$suite/apt
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$plugins"
    # From where this machine has its own Debian.
    local site
    site=$(apt-get indextargets --format '$(SITE)' 'Codename: bookworm' | head -n 1)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $suite main" > "$apt/sources.list"
    local options=(-qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
        -o "Dir::Cache=$apt" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update
    (cd "$apt" && apt-get "${options[@]}" download docker-compose docker-buildx)
    for package in "$apt"/*.deb; do dpkg-deb -x "$package" "$apt/files"; done
    cp "$apt"/files/usr/libexec/docker/cli-plugins/* "$plugins/"
    rm -rf "$apt"
}

make_root() { # NAME OPTION…: a small Debian 12 as a tar, for `docker import`
    local name=$1
    shift
    [ -s "$cache/$name.tar" ] && return
    echo "Making a small Debian for $name …"
    mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        "$@" bookworm "$cache/$name.part.tar" > "$cache/$name.log" 2>&1 || { tail -20 "$cache/$name.log"; exit 1; }
    mv "$cache/$name.part.tar" "$cache/$name.tar"
}

fetch_wheels() {
    echo "Fetching the pinned wheels …"
    sed -n '/^setuptools==/,/# via/p' requirements/dev.txt > "$cache/build.txt"
    "$python" -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
        -r requirements/runtime.txt -r "$cache/build.txt" --dest "$cache/wheels" > "$cache/pip.log" 2>&1 \
        || { tail -20 "$cache/pip.log"; exit 1; }
}

install_packages
fetch_compose
make_root python --include=python3,python3-venv,ca-certificates \
    --customize-hook='ln -s /usr/bin/python3 "$1/usr/local/bin/python"'
make_root services --include=postgresql,python3,wget \
    --setup-hook='mkdir -p "$1/etc/postgresql-common/createcluster.d"' \
    --setup-hook='echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.d/none.conf"'
fetch_wheels

# Short: sockets lie below it. The engine's images and volumes need a disk and go below the cache.
folder=$(mktemp -d /tmp/medpool-compose-XXXXXX)
trap 'rm -rf "$folder" "$cache/engine"' EXIT
rm -rf "$cache/engine"
DOCKER_CONFIG=$cache/$suite PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    unshare --mount --net --pid --fork --kill-child --mount-proc \
    "$python" tests/compose/rehearse.py --checkout "$checkout" --cache "$cache" --folder "$folder"

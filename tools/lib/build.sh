# shellcheck shell=bash disable=SC2034 # the variables are for those that source this
# Shared by the scripts in tools: places, messages, packages, builds. Sourced, never run.
set -euo pipefail

called_from=$PWD
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
deps_prefix=$root/build/deps/prefix

say() { printf '%s\n' "== $*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

build_packages="clang-19 lld-19 llvm-19 libclang-rt-19-dev meson ninja-build pkg-config python3
  libfmt-dev libre2-dev libnghttp2-dev libtomlplusplus-dev libmimalloc-dev doctest-dev libbenchmark-dev
  dpkg-dev debian-archive-keyring autoconf automake libtool make"
check_packages="clang-format-19 clang-tidy-19"
# promtool.
e2e_packages="prometheus"
peer_packages="curl nginx-light haproxy varnish nodejs node-ws chromium"
# The first debian-archive-keyring that knows the keys of Debian 13.
keyring_version=2023.3+deb12u2

# Installs those of the given packages that are missing. Says so only when there is something to do.
install_packages() {
  local missing=() package version
  for package in "$@"; do
    version=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$package" 2>/dev/null) || version=
    case $package:$version in
      debian-archive-keyring:installed\ *)
        dpkg --compare-versions "${version#* }" ge "$keyring_version" || missing+=("$package") ;;
      *:installed\ *) ;;
      *) missing+=("$package") ;;
    esac
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null
}

# Runs a command that installs packages; what they bring for the host's own use is not started, neither now nor at its next boot.
without_services() {
  local policy=/usr/sbin/policy-rc.d own='' service status=0
  local fresh=()
  for service in nginx haproxy varnish prometheus; do
    dpkg-query -W "$service" >/dev/null 2>&1 || fresh+=("$service")
  done
  # Asked by every maintainer script that wants to start a service; 101: do not.
  [ ${#fresh[@]} = 0 ] || [ -e $policy ] || own=1
  [ -z "$own" ] || printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin $policy
  "$@" || status=$?
  [ -z "$own" ] || as_root rm -f $policy
  [ ! -d /run/systemd/system ] || [ ${#fresh[@]} = 0 ] || as_root systemctl disable --quiet "${fresh[@]}" || true
  return $status
}

# Sets build/NAME up when it is new or when a meson.build has come or gone (ninja sees only changed ones), and builds it.
# $2: the one target that is wanted, or "all"; then options for the first setup. One at a time in each folder.
build_folder() {
  local name=$1 folder=$root/build/$1 target=$2 shape
  shift 2
  mkdir -p build
  exec 8>"build/$name.lock"
  flock 8
  shape=$(find meson.build src tests tools benchmarks -name meson.build | sort | sha256sum)
  if [ ! -f "$folder/shape" ]; then
    say "setting up build/$name"
    rm -rf "$folder"
    quietly "$name" meson setup "$folder" --native-file tools/lib/clang-19.ini \
      --pkg-config-path "$deps_prefix/lib/pkgconfig" "$@"
  elif [ "$(cat "$folder/shape")" != "$shape" ]; then
    quietly "$name" meson setup --reconfigure "$folder"
  fi
  printf '%s\n' "$shape" >"$folder/shape"
  # The first sets up again when a meson.build has changed, and would say much about it.
  quietly "$name" ninja -C "$folder" build.ninja
  ninja -C "$folder" --quiet "$target"
  exec 8>&-
}

# Runs a step of the set-up of build/NAME; from its log only the error is shown.
quietly() {
  local log=$root/build/$1.setup.log
  "${@:2}" >"$log" 2>&1 && return
  grep -E 'ERROR|^Message' "$log" >&2 || cat "$log" >&2
  die "build/$1 cannot be set up (log: $log)"
}

sanitizers="-Dbuildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false"
build_release() { build_folder release all; }
# shellcheck disable=SC2086 # options are words
build_sanitize() { build_folder sanitize all $sanitizers; }
# $1: the fuzz target.
# shellcheck disable=SC2086
build_fuzz() { build_folder fuzz "tests/fuzz-$1" $sanitizers -Dfuzzer=true; }

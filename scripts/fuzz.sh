#!/usr/bin/env bash
# Runs the fuzz targets one after another and stops at the first input that fails:
#
#   scripts/fuzz.sh SECONDS [TARGET...]
#
# Rust's stable toolchain and a C++ compiler suffice: without a sanitizer, which code without
# `unsafe` has little use for, cargo-fuzz needs no nightly flags. New inputs are kept in
# target/fuzz-corpus, inputs that fail in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET...]}
shift
version=0.13.2
tools=$PWD/target/tools
if [[ ! -x $tools/bin/cargo-fuzz ]]; then
  echo "==> installing cargo-fuzz $version into target/tools"
  cargo install cargo-fuzz --version "$version" --locked --quiet --root "$tools"
fi
export PATH=$tools/bin:$PATH TMPDIR=$PWD/target/fuzz-tmp
options=(--sanitizer none --codegen-units 16 --target-dir target/fuzz)

echo "==> building the fuzz targets"
cargo fuzz build "${options[@]}"
if (($# == 0)); then
  mapfile -t targets < <(cargo fuzz list)
else
  targets=("$@")
fi
trap 'rm -rf "$TMPDIR"' EXIT
for target in "${targets[@]}"; do
  found=target/fuzz-corpus/$target
  mkdir -p "$found" "$TMPDIR"
  echo "==> $target, $seconds s"
  cargo fuzz run "${options[@]}" "$target" "$found" "fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -timeout=60 -rss_limit_mb=4096 -verbosity=0 -print_final_stats=1
done
echo "==> no target failed"

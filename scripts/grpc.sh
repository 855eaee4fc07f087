#!/bin/sh
# Generates crates/grpc-api/src/{ext_authz,health}.rs from crates/grpc-api/proto. protox, which is
# written in Rust, reads the files in place of protoc; tonic-prost-build writes the code.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src" "$folder/out"
cat >"$folder/Cargo.toml" <<'TOML'
[package]
name = "generate"
version = "0.0.0"
edition = "2024"

[dependencies]
protox = "=0.9.1"
tonic-prost-build = "=0.14.9"

[workspace]
TOML
cat >"$folder/src/main.rs" <<'RUST'
fn main() {
    let mut arguments = std::env::args().skip(1);
    let (protos, out) = (arguments.next().unwrap(), arguments.next().unwrap());
    let files = protox::compile(["ext_authz.proto", "health.proto"], [protos]).unwrap();
    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".")
        .out_dir(out)
        .compile_fds(files)
        .unwrap();
}
RUST
cargo run --quiet --manifest-path "$folder/Cargo.toml" -- "$PWD/crates/grpc-api/proto" "$folder/out"
cp "$folder/out/envoy.service.auth.v3.rs" crates/grpc-api/src/ext_authz.rs
cp "$folder/out/grpc.health.v1.rs" crates/grpc-api/src/health.rs
cargo fmt --all

//! Forward authentication on real proxies: every case of `cases.toml` on each of them, with the
//! configuration that ships. `make forward-auth` installs the proxies and prints a table for each;
//! `cargo test` alone does not run this.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

#[path = "../support/mod.rs"]
mod support;

mod case;
mod client;
mod doctor;
mod people;
mod proxy;
mod run;
mod target;
mod traefik;
mod wiring;

use crate::proxy::Kind;

#[tokio::test]
async fn nginx_of_debian() {
    run::on_proxy(Kind::Nginx, proxy::DEBIAN).await;
}

#[tokio::test]
async fn nginx_of_debian_with_http2() {
    run::on_nginx_with_http2().await;
}

#[tokio::test]
async fn nginx_current() {
    run::on_proxy(Kind::Nginx, proxy::CURRENT).await;
}

#[tokio::test]
async fn caddy_of_debian() {
    run::on_proxy(Kind::Caddy, proxy::DEBIAN).await;
}

#[tokio::test]
async fn caddy_current() {
    run::on_proxy(Kind::Caddy, proxy::CURRENT).await;
}

#[tokio::test]
async fn haproxy_of_debian() {
    run::on_proxy(Kind::HaProxy, proxy::DEBIAN).await;
}

#[tokio::test]
async fn haproxy_current() {
    run::on_proxy(Kind::HaProxy, proxy::CURRENT).await;
}

#[tokio::test]
async fn envoy_current() {
    run::on_proxy(Kind::Envoy, proxy::CURRENT).await;
}

#[tokio::test]
async fn envoy_over_grpc() {
    run::on_proxy(Kind::EnvoyGrpc, proxy::CURRENT).await;
}

#[tokio::test]
async fn traefik_as_spoken_by_a_client_of_these_tests() {
    run::on_traefik().await;
}

#[tokio::test]
async fn endpoint_that_a_file_describes() {
    let gate = people::gate().await;
    let site = people::site(&gate, "").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("target.toml");
    std::fs::write(&file, site.described(gate.address)).unwrap();
    run::on_target(&file).await;
}

/// Another program: `FORWARD_AUTH_TARGET` names a file that describes it.
#[tokio::test]
async fn target_of_the_environment() {
    if let Some(file) = target::of_environment() {
        run::on_target(&file).await;
    }
}

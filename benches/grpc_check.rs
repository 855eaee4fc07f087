//! What a check over gRPC costs: processor time of the program, of all its threads and with what the
//! kernel does for it, for requests with a session that are allowed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot go on fails"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use futures_util::future::join_all;

use crate::support::admin::PASSWORD;
use crate::support::gate::TestGate;
use crate::support::grpc::{Proxy, question};

const ROUNDS: usize = 5;
const CHECKS: usize = 20_000;

/// What a browser sends.
const FIELDS: &str = "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8
accept-encoding: gzip, deflate, br
accept-language: en-GB,en;q=0.5
sec-fetch-dest: document
sec-fetch-mode: navigate
sec-fetch-site: same-origin
user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0
x-request-id: 7f1d2c0a-6f52-4b55-9f0e-5b4d9a3f2c11
";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let gate = TestGate::builder()
        .setting("forward_auth.enabled", "true")
        .setting("forward_auth.grpc_listen", "\"127.0.0.1:0\"")
        .setting("server.trusted_proxies", r#"["127.0.0.0/8"]"#)
        .start()
        .await;
    let acme = gate.admin.organization("Acme").await;
    gate.admin.user(&acme, "anna", "admin").await;
    let session = gate.sign_in("anna", PASSWORD).await;
    let asked = question("GET", "/closed/a?b=c", &format!("{FIELDS}cookie: {}", session.0));
    let proxy = Arc::new(Proxy::of(&gate).await);
    for at_a_time in [1, 16, 64] {
        let mut times: Vec<f64> = Vec::new();
        for _ in 0..ROUNDS {
            let before = gate.processor_time();
            let clients = (0..at_a_time).map(|_| async {
                for _ in 0..CHECKS / at_a_time {
                    let answer = proxy.check(asked.clone()).await.unwrap();
                    assert_eq!(answer.status.unwrap().code, 0, "it is allowed");
                }
            });
            join_all(clients).await;
            let spent = gate.processor_time() - before;
            times.push(spent.as_secs_f64() * 1e6 / (CHECKS / at_a_time * at_a_time) as f64);
        }
        times.sort_unstable_by(f64::total_cmp);
        let (least, median, most) = (times[0], times[ROUNDS / 2], times[ROUNDS - 1]);
        println!("{at_a_time} at a time: {median:.1} µs a check ({least:.1}–{most:.1})");
    }
}

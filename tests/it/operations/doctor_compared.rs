//! `portcullis doctor` compares what it sends with what the gateway decides: whatever else the gateway
//! refuses, and only if it is that gateway.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::doctor::{Deployment, proxy, well_wired};
use crate::support::gate::HOST;
use crate::support::http1::Head;

/// More requests than the gateway keeps of visitors for `explain` between two writes.
const MORE_THAN_ARE_KEPT: usize = 300;

/// Sends a request that the gateway refuses.
async fn refused(gateway: SocketAddr) {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request = format!("GET /none HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

/// Does something while the gateway refuses many requests.
async fn under_refusals<T>(gateway: SocketAddr, work: impl Future<Output = T>) -> T {
    for _ in 0..MORE_THAN_ARE_KEPT {
        refused(gateway).await;
    }
    let others = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        loop {
            pace.tick().await;
            refused(gateway).await;
        }
    });
    let done = work.await;
    others.abort();
    done
}

#[tokio::test]
async fn doctor_compares_while_other_requests_are_refused() {
    let deployment = Deployment::start().await;
    let gateway = deployment.program.gateway;
    let found = under_refusals(gateway, deployment.with_request(|_| {})).await;
    found.has_errors(&[]);
    assert!(found.names("ok").contains("client-address"), "{found:#?}");
    assert!(!found.names("warning").contains("not-compared"), "{found:#?}");

    let passing = proxy(
        move |head: &mut Head| {
            if !head.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for")) {
                well_wired(head);
            }
            gateway
        },
        |answer| answer,
    );
    let passing = passing.await;
    let found = under_refusals(gateway, deployment.examined(passing)).await;
    found.has_errors(&["client-address"]);
}

#[tokio::test]
async fn doctor_tells_another_gateway_from_a_lost_query() {
    let [deployment, other] = [Deployment::start().await, Deployment::start().await];
    let elsewhere = other.program.gateway;
    let to_other = proxy(
        move |head: &mut Head| {
            well_wired(head);
            elsewhere
        },
        |answer| answer,
    );
    let found = deployment.examined(to_other.await).await;
    found.has_errors(&["other-gateway"]);
    assert!(!found.names("ok").contains("client-address"), "{found:#?}");

    let without_query = |head: &mut Head| {
        if let Some((start, rest)) = head.first.split_once('?') {
            let version = rest.rsplit(' ').next().unwrap_or_default();
            head.first = format!("{start} {version}");
        }
    };
    let found = deployment.with_request(without_query).await;
    found.has_errors(&[]);
    assert!(found.what("not-compared").ends_with("the query of a request does not arrive"));
    assert!(!found.names("ok").contains("client-address"), "{found:#?}");
}

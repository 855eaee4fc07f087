//! What the gateway takes for the client's address, with and without forwarded headers from
//! outside.
//!
//! Seen in what it has decided. Behind nginx that is the question that decides, and not only the one
//! about the page of a refusal: each has its own configuration there.

use super::client::Ask;
use super::finding::Finding;
use super::marks::{Decided, Records, not_compared};
use super::spoofed::{Seen, UNUSED_ADDRESS, is_direct, is_loopback};
use crate::authz::trusted_proxies::TrustedProxies;

/// The finding; `None` without settings or a running gateway.
pub(super) fn probe(seen: &Seen<'_>) -> Option<Finding> {
    let (settings, marks) = (seen.deployment.settings()?, seen.marks?);
    let forwarded = format!("for={UNUSED_ADDRESS}");
    let asks = [
        Ask::get(&seen.closed),
        Ask::get(&seen.closed)
            .with("X-Forwarded-For", UNUSED_ADDRESS)
            .with("X-Real-IP", UNUSED_ADDRESS)
            .with("Forwarded", &forwarded),
    ];
    let [plain, spoofed] = asks.map(|ask| marks.send(&ask).records.and_then(recognized));
    let (plain, spoofed) = match (plain, spoofed) {
        (Ok(plain), Ok(spoofed)) => (plain, spoofed),
        (Err(why), _) | (_, Err(why)) => {
            return Some(not_compared("the client's address", &why));
        }
    };
    let is_spoofed = |decided: &&Decided| {
        decided.address.is_some_and(|address| address.to_string() == UNUSED_ADDRESS)
    };
    if let Some(decided) = spoofed.decided.iter().find(is_spoofed) {
        if is_direct(seen.deployment, seen.endpoint) {
            return Some(
                Finding::note(
                    "client-address",
                    "this machine is in `server.trusted_proxies`, and reaches the gateway directly",
                )
                .because("what it sends as a proxy is trusted, as it should be")
                .fix("run this on a machine that is no proxy to probe the forwarded headers"),
            );
        }
        let what = format!(
            "the gateway takes `X-Forwarded-For: {UNUSED_ADDRESS}` from outside for the client's \
             address{}",
            decided.place()
        );
        return Some(
            Finding::error("client-address", what)
                .because("limits, lockouts and routes with `from` can be walked around")
                .fix(
                    "let the proxy append the address that it sees or overwrite the header, wherever \
                     it asks or forwards (nginx: `proxy_set_header X-Forwarded-For $remote_addr`)",
                ),
        );
    }
    let plain = plain.decision().and_then(|decided| decided.address)?;
    let trusted = TrustedProxies::new(&settings.server);
    if trusted.trust(plain.into()) && !(plain.is_loopback() && is_loopback(seen.endpoint.address()))
    {
        return Some(
            Finding::warning(
                "client-address",
                format!("the gateway takes the proxy's address {plain} for the client's"),
            )
            .because("all clients share one address, its limits and its lockouts")
            .fix("let the proxy send `X-Forwarded-For`, or what `server.forwarded_header` names"),
        );
    }
    Some(Finding::ok(
        "client-address",
        format!("the gateway takes {plain} for this machine's address, whatever it claims"),
    ))
}

/// The records of a request that the gateway recognizes.
fn recognized(records: Records) -> Result<Records, String> {
    match records.decided.iter().all(|decided| decided.address.is_none()) {
        true => Err("the gateway does not recognize a request".to_owned()),
        false => Ok(records),
    }
}

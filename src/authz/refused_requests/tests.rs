use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::directory::fixture::{Fixture, now};

fn request(number: u64, user: Option<&str>, time: Timestamp) -> RefusedRequest {
    let session = user.map(|user| RefusedSession {
        kind: "user".to_owned(),
        organization: "acme".to_owned(),
        user: Some(user.to_owned()),
        login: Some("ann".to_owned()),
        group: "limited".to_owned(),
    });
    RefusedRequest {
        reference: format!("ref{number}"),
        time,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        method: "GET".to_owned(),
        target: "/invoices".to_owned(),
        decision: "deny".to_owned(),
        reason: "missing-permission".to_owned(),
        route: None,
        access: None,
        needed: Vec::new(),
        missing: Vec::new(),
        reading: None,
        session,
        policy: String::new(),
    }
}

/// The store's folder lasts as long as the fixture.
async fn refused() -> (Fixture, RefusedRequests) {
    let fixture = Fixture::new().await;
    let refused = RefusedRequests::new(fixture.directory.clone());
    (fixture, refused)
}

async fn finds(refused: &RefusedRequests, number: u64, at: Timestamp) -> bool {
    refused.find(&format!("ref{number}"), at).await.unwrap().is_some()
}

#[tokio::test]
async fn a_reference_is_found_before_and_after_it_is_written() {
    let (_fixture, refused) = refused().await;
    refused.queue.add(request(1, Some("u1"), now()));
    refused.queue.add(request(2, None, now()));
    assert!(finds(&refused, 1, now()).await && finds(&refused, 2, now()).await);
    refused.write(now(), false).await.unwrap();
    assert!(refused.queue.waiting(Sender::Session).is_empty());
    assert!(finds(&refused, 1, now()).await && finds(&refused, 2, now()).await);
    assert!(!finds(&refused, 3, now()).await);
    for text in ["", "ref\0", "../ref1", &"a".repeat(1000)] {
        assert!(refused.find(text, now()).await.unwrap().is_none(), "{text}");
    }
}

#[tokio::test]
async fn a_reference_expires_after_14_days() {
    let (_fixture, refused) = refused().await;
    refused.queue.add(request(1, Some("u1"), now()));
    refused.write(now(), false).await.unwrap();
    let (last, after) = (now() + KEPT, now() + KEPT + SignedDuration::from_secs(1));
    assert!(finds(&refused, 1, last).await && !finds(&refused, 1, after).await);
    refused.write(after, true).await.unwrap();
    let reader = refused.directory.records().read();
    assert!(reader.list(kind::REFUSED_REQUEST, None, None, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn strangers_and_one_user_displace_nobody_else() {
    let (_fixture, refused) = refused().await;
    for number in 0..10_000 {
        refused.queue.add(request(number, None, now()));
        refused.queue.add(request(10_000 + number, Some("noisy"), now()));
    }
    refused.queue.add(request(30_000, Some("u1"), now()));
    refused.write(now(), false).await.unwrap();
    assert!(finds(&refused, 30_000, now()).await);
    assert_eq!(refused.queue.take_dropped(), 20_000 - 100 - 50);
}

#[tokio::test]
async fn the_oldest_go_first_when_there_are_too_many() {
    let (_fixture, refused) = refused().await;
    let most = Sender::Visitor.most();
    for number in 0..most + 50 {
        refused.queue.add(request(number, None, now()));
        if refused.queue.waiting(Sender::Visitor).len() == 100 {
            refused.write(now(), false).await.unwrap();
        }
    }
    refused.write(now(), false).await.unwrap();
    for (number, found) in [(0, false), (49, false), (50, true), (most + 49, true)] {
        assert_eq!(finds(&refused, number, now()).await, found, "{number}");
    }
    let reader = refused.directory.records().read();
    let kept = reader.list(kind::REFUSED_VISIT, None, None, usize::MAX).await.unwrap();
    assert_eq!(kept.len() as u64, most);
}

#[tokio::test]
async fn a_link_and_a_user_displace_only_their_own() {
    let (_fixture, refused) = refused().await;
    let by_link = |number| RefusedRequest {
        session: request(0, Some("u"), now()).session.map(|of| RefusedSession { user: None, ..of }),
        ..request(number, None, now())
    };
    let mut other = request(0, Some("other"), now());
    other.session.as_mut().unwrap().organization = "globex".to_owned();
    refused.queue.add(other);
    refused.queue.add(request(1, Some("colleague"), now()));
    for number in (0..).step_by(50).take(50) {
        for number in number..number + 50 {
            refused.queue.add(by_link(10_000 + number));
            refused.queue.add(request(20_000 + number, Some("noisy"), now()));
        }
        refused.write(now(), false).await.unwrap();
    }
    assert!(finds(&refused, 0, now()).await && finds(&refused, 1, now()).await);
    for (number, found) in [(11_499, false), (11_500, true), (22_299, false), (22_300, true)] {
        assert_eq!(finds(&refused, number, now()).await, found, "{number}");
    }
}

#[tokio::test]
async fn an_organization_displaces_only_its_own() {
    let (_fixture, refused) = refused().await;
    let mut other = request(0, Some("other"), now());
    other.session.as_mut().unwrap().organization = "globex".to_owned();
    refused.queue.add(other);
    for number in 1..=2400 {
        refused.queue.add(request(number, Some(&format!("u{}", number % 20)), now()));
        if number % 400 == 0 {
            refused.write(now(), false).await.unwrap();
        }
    }
    for (number, found) in [(0, true), (400, false), (401, true), (2400, true)] {
        assert_eq!(finds(&refused, number, now()).await, found, "{number}");
    }
}

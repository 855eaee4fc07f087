//! Bounds on the work that clients may cause at the portal, and on how long it may take (I12).

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::sync::{Notify, Semaphore};

use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::client::{Http2, Reply, within};
use crate::support::gate::TestGate;
use crate::support::program::{Home, SERVE};
use crate::support::upstream::Upstream;
use crate::support::wire::{Wire, http2_frame};

/// The portal answers at this path for each permit, and notices no client that leaves.
fn works_at(upstream: &Upstream, path: &str) -> Arc<Semaphore> {
    let permits = Arc::new(Semaphore::new(0));
    let given = Arc::clone(&permits);
    upstream.answer(path, move |exchange| {
        let given = Arc::clone(&given);
        async move {
            given.acquire().await.unwrap().forget();
            exchange.reply("done").await
        }
    });
    permits
}

/// Waits until so many requests have arrived at the portal.
async fn arrive(gate: &TestGate, path: &str, count: usize) {
    within("requests at the portal", async {
        loop {
            let changed = gate.upstream.changed();
            if gate.upstream.seen().iter().filter(|seen| seen.path() == path).count() >= count {
                return;
            }
            changed.await;
        }
    })
    .await;
}

/// A request over a connection of its own that is not answered yet.
async fn asks(gate: &TestGate, path: &str, fields: &str) -> Wire {
    let mut wire = gate.wire().await;
    wire.send(format!("GET {path} HTTP/1.1\r\nhost: portal.test\r\n{fields}\r\n")).await;
    wire
}

fn is_busy(reply: &Reply) -> bool {
    if reply.status == 503 {
        assert_eq!(reply.problem()["reason"], "portal-busy");
        assert!(reply.header("retry-after").is_some());
    }
    reply.status == 503
}

/// Asks again until there is room.
async fn gets_through(http2: &Http2, gate: &TestGate) {
    within("a free slot", async {
        while is_busy(&http2.send(gate.get("/open/a")).await) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn i12_reset_streams_count_until_the_portal_finishes() {
    let gate = TestGate::builder().setting("server.limits.connection_requests", "4").start().await;
    let permits = works_at(&gate.upstream, "/open/work");
    let http2 = gate.http2().await;
    for round in 1..=4 {
        let left = http2.exchange(http2.request("portal.test", gate.get("/open/work")));
        tokio::select! {
            answered = left => panic!("{answered:?}"),
            () = arrive(&gate, "/open/work", round) => {}
        }
    }
    // All four streams have been reset; the portal is busy with them nevertheless.
    let reply = http2.send(gate.get("/open/a")).await;
    assert!(is_busy(&reply), "{reply:?}");
    assert_eq!(gate.http2().await.send(gate.get("/open/a")).await.status, 200, "another client");
    permits.add_permits(4);
    gets_through(&http2, &gate).await;
}

#[tokio::test]
async fn i12_reset_streams_leave_reusable_connections() {
    const ROUNDS: usize = 20;
    let gate = TestGate::builder().setting("server.threads", "1").start().await;
    let permits = works_at(&gate.upstream, "/open/work");
    let http2 = gate.http2().await;
    for round in 1..=ROUNDS {
        let left = http2.exchange(http2.request("portal.test", gate.get("/open/work")));
        tokio::select! {
            answered = left => panic!("{answered:?}"),
            () = arrive(&gate, "/open/work", round) => permits.add_permits(1),
        }
    }
    gets_through(&http2, &gate).await;
    let connections = gate.upstream.connections();
    assert!(connections <= ROUNDS / 2, "{connections} connections for {ROUNDS} requests");
}

#[tokio::test]
async fn i12_instantly_reset_streams_open_few_connections() {
    const ROUNDS: u32 = 20;
    const EACH: u32 = 5;
    let gate = TestGate::builder().setting("server.threads", "1").start().await;
    let mut wire = gate.wire().await;
    wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    wire.send(http2_frame(4, 0, 0, &[])).await;
    // GET http://portal.test/open/a (RFC 7541).
    let request = b"\x82\x86\x04\x07/open/a\x01\x0bportal.test";
    for round in 0..ROUNDS {
        let mut frames = Vec::new();
        for number in 0..EACH {
            let stream = (round * EACH + number) * 2 + 1;
            frames.extend(http2_frame(1, 5, stream, request));
            frames.extend(http2_frame(3, 0, stream, &[0, 0, 0, 8]));
        }
        // PING: its answer shows that all before it has been read.
        frames.extend(http2_frame(6, 0, 0, &[7; 8]));
        wire.send(frames).await;
        within("the answer to a ping", async {
            loop {
                let mut head = [0; 9];
                wire.0.read_exact(&mut head).await.unwrap();
                let length = usize::from(head[1]) * 256 + usize::from(head[2]);
                wire.0.read_exact(&mut vec![0; length]).await.unwrap();
                assert_ne!(head[3], 7, "sent away");
                if head[3] == 6 && head[4] == 1 {
                    return;
                }
            }
        })
        .await;
    }
    assert_eq!(gate.get("/open/a").send().await.status, 200);
    let connections = gate.upstream.connections();
    assert!(connections <= 20, "{connections} connections for {} streams", ROUNDS * EACH);
}

#[tokio::test]
async fn i12_unread_bodies_per_connection_are_bounded() {
    let gate = TestGate::start().await;
    // To portal.test (RFC 7541): a GET that may turn out to have a body, and one of our forms.
    let get = &b"\x82\x86\x04\x07/open/a\x01\x0bportal.test"[..];
    let form = &b"\x83\x86\x04\x14/.portcullis/sign-in\x01\x0bportal.test"[..];
    for (request, answered) in [(get, &b"\x88"[..]), (form, b"")] {
        let mut wire = gate.wire().await;
        wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        wire.send(http2_frame(4, 0, 0, &[])).await;
        let open = |number: u32| http2_frame(1, 4, number * 2 + 1, request);
        wire.send((0..17).flat_map(open).collect::<Vec<_>>()).await;
        let busy = data_of(&mut wire, 33).await;
        assert!(String::from_utf8_lossy(&busy).contains("portal-busy"), "{busy:?}");
        // One that ends makes room, and is answered as if it had come at once.
        wire.send(http2_frame(0, 1, 1, &[])).await;
        assert!(head_of(&mut wire, 1).await.starts_with(answered));
        wire.send(open(17)).await;
        wire.send(http2_frame(0, 1, 35, &[])).await;
        assert!(head_of(&mut wire, 35).await.starts_with(answered));
    }
}

/// The payload of the next HEADERS frame of a stream.
async fn head_of(wire: &mut Wire, stream: u32) -> Vec<u8> {
    payload_of(wire, 1, stream).await
}

/// The payload of the next DATA frame of a stream.
async fn data_of(wire: &mut Wire, stream: u32) -> Vec<u8> {
    payload_of(wire, 0, stream).await
}

async fn payload_of(wire: &mut Wire, kind: u8, stream: u32) -> Vec<u8> {
    within("a frame of a stream", async {
        loop {
            let mut head = [0; 9];
            wire.0.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; usize::from(head[1]) * 256 + usize::from(head[2])];
            wire.0.read_exact(&mut payload).await.unwrap();
            if head[3] == kind && head[5..] == stream.to_be_bytes() {
                return payload;
            }
        }
    })
    .await
}

#[tokio::test]
async fn i12_anonymous_address_is_limited() {
    let gate = TestGate::builder().setting("server.limits.address_requests", "2").start().await;
    let permits = works_at(&gate.upstream, "/open/work");
    let organization = gate.admin.organization("Acme").await;
    let group = gate.admin.group("Readers", &["portal.access"]).await;
    gate.admin.user(&organization, "anna@acme.test", &group).await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    let mut held = [asks(&gate, "/open/work", "").await, asks(&gate, "/open/work", "").await];
    arrive(&gate, "/open/work", 2).await;
    let reply = gate.get("/open/a").send().await;
    assert!(is_busy(&reply), "{reply:?}");
    let page = gate.get("/open/a").by_browser().send().await;
    assert_eq!(page.status, 503);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    // Our own pages need no portal.
    assert_eq!(gate.get("/.portcullis/sign-in").by_browser().send().await.status, 200);
    // An office behind the same address, with sessions.
    let session = format!("cookie: {}\r\n", anna.0);
    let mut office = Vec::new();
    for _ in 0..40 {
        office.push(asks(&gate, "/open/work", &session).await);
    }
    arrive(&gate, "/open/work", 42).await;
    permits.add_permits(42);
    for wire in held.iter_mut().chain(&mut office) {
        assert_eq!(wire.reply().await.status, 200);
    }
    gets_through(&gate.http2().await, &gate).await;
}

#[tokio::test]
async fn i12_anonymous_requests_get_half_of_the_portal() {
    let gate = TestGate::builder().setting("upstream.requests", "4").start().await;
    let permits = works_at(&gate.upstream, "/open/work");
    let organization = gate.admin.organization("Acme").await;
    let group = gate.admin.group("Readers", &["portal.access"]).await;
    gate.admin.user(&organization, "anna@acme.test", &group).await;
    let anna = gate.sign_in("anna@acme.test", PASSWORD).await;
    let session = format!("cookie: {}\r\n", anna.0);
    let mut held = vec![asks(&gate, "/open/work", "").await, asks(&gate, "/open/work", "").await];
    arrive(&gate, "/open/work", 2).await;
    assert!(is_busy(&gate.get("/open/a").send().await), "a stranger's half is used up");
    assert_eq!(gate.get("/open/a").cookie(&anna).send().await.status, 200);
    for _ in 0..2 {
        held.push(asks(&gate, "/open/work", &session).await);
    }
    arrive(&gate, "/open/work", 4).await;
    assert!(is_busy(&gate.get("/open/a").cookie(&anna).send().await), "all of it is used up");
    permits.add_permits(4);
    for wire in &mut held {
        assert_eq!(wire.reply().await.status, 200);
    }
}

/// A session that the secure link of an organization has started, as a header field.
async fn link_session(gate: &TestGate, organization: &str) -> String {
    let link = gate.admin.secure_link(organization).await;
    let mut browser = Browser::at(gate);
    let link = browser.local(&link);
    browser.open(&link).await;
    format!("cookie: {}={}\r\n", "portcullis", browser.session().unwrap())
}

#[tokio::test]
async fn i12_one_link_cannot_starve_another() {
    let gate = TestGate::builder().setting("server.limits.link_requests", "2").start().await;
    let permits = works_at(&gate.upstream, "/open/work");
    let mut sessions = Vec::new();
    for organization in ["Acme", "Other"] {
        let organization = gate.admin.organization(organization).await;
        sessions.push(link_session(&gate, &organization).await);
    }
    let [acme, other] = &sessions[..] else { unreachable!() };
    let mut held = [asks(&gate, "/open/work", acme).await, asks(&gate, "/open/work", acme).await];
    arrive(&gate, "/open/work", 2).await;
    let refused = asks(&gate, "/open/a", acme).await.reply().await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(asks(&gate, "/open/a", other).await.reply().await.status, 200);
    permits.add_permits(2);
    for wire in &mut held {
        assert_eq!(wire.reply().await.status, 200);
    }
}

#[tokio::test]
async fn i12_full_server_is_skipped() {
    let other = Upstream::start().await;
    let first = Upstream::start().await;
    let servers = format!("[\"http://{}\", \"http://{}\"]", first.address, other.address);
    let gate = TestGate::builder()
        .setting("upstream.servers", &servers)
        .setting("upstream.server_requests", "2")
        .start()
        .await;
    let permits = works_at(&first, "/open/work");
    works_at(&other, "/open/work").add_permits(100);
    // Strangers have half of the two at the first server.
    let mut held = asks(&gate, "/open/work", "").await;
    within("a request", async {
        tokio::select! {
            _ = first.arrived("/open/work") => {}
            _ = other.arrived("/open/work") => {
                assert_eq!(held.reply().await.status, 200);
                held = asks(&gate, "/open/work", "").await;
                first.arrived("/open/work").await;
            }
        }
    })
    .await;
    for _ in 0..6 {
        assert_eq!(gate.get("/open/work").send().await.status, 200);
    }
    assert_eq!(first.seen().len(), 1);
    permits.add_permits(1);
    assert_eq!(held.reply().await.status, 200);
}

#[tokio::test]
async fn i12_stalled_response_is_cut_off() {
    let gate = TestGate::builder().setting("upstream.body_timeout", "\"300ms\"").start().await;
    let gone = Arc::new(Notify::new());
    let notified = Arc::clone(&gone);
    gate.upstream.answer("/open/half", move |mut exchange| {
        let notified = Arc::clone(&notified);
        async move {
            exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf").await?;
            exchange.closed().await;
            notified.notify_one();
            Ok(None)
        }
    });
    let first = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 8\r\n\r\n";
    let go_on = gate.upstream.answer_in_parts("/open/events", first, "an event");
    let events = gate.get("/open/events").open().await;
    // Twice the time passes for others, over both protocols.
    assert!(gate.get("/open/half").try_send().await.is_err());
    within("the end of the portal's connection", gone.notified()).await;
    assert!(gate.http2().await.send_to("portal.test", gate.get("/open/half")).await.is_err());
    within("the end of the portal's connection", gone.notified()).await;
    go_on.notify_one();
    assert_eq!(Reply::read(events).await.unwrap().text(), "an event", "events may be rare");
}

#[tokio::test]
async fn i12_trickling_upload_is_cut_off() {
    let gate = TestGate::builder().setting("server.limits.read_timeout", "\"400ms\"").start().await;
    // This portal has answered before it has read.
    gate.upstream.answer("/open/early", |mut exchange| async move {
        exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly").await?;
        exchange.closed().await;
        Ok(None)
    });
    for path in ["/open/a", "/open/early"] {
        let upload = async |piece: usize, count: usize| {
            let mut wire = gate.wire().await;
            let length = piece * count;
            let head = format!("POST {path} HTTP/1.1\r\nhost: portal.test\r\n");
            wire.send(format!("{head}content-length: {length}\r\n\r\n")).await;
            let mut ticks = tokio::time::interval(Duration::from_millis(50));
            for sent in 0..count {
                ticks.tick().await;
                if wire.try_send(vec![b'x'; piece]).await.is_err() {
                    return sent;
                }
            }
            if path == "/open/a" {
                assert_eq!(wire.reply().await.status, 200);
            }
            count
        };
        let sent = within("the end of a slow upload", upload(1, 1000)).await;
        assert!((6..200).contains(&sent), "{path}: {sent}");
        assert_eq!(upload(8 * 1024, 30).await, 30, "{path}: one that goes on");
    }
    let mut wire = gate.wire().await;
    wire.send("POST /open/a HTTP/1.1\r\nhost: portal.test\r\ncontent-length: 8\r\n\r\nx").await;
    assert_eq!(wire.reply().await.status, 408);
}

#[tokio::test]
async fn i12_open_file_limit_is_raised() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, "");
    for (hard, warns) in [(1000, false), (600, true)] {
        let script = format!("ulimit -Sn 256; ulimit -Hn {hard}; exec \"$0\" \"$@\"");
        let mut command = tokio::process::Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_portcullis")]).args(SERVE);
        command.current_dir(home.path("")).env_clear().kill_on_drop(true).stderr(Stdio::piped());
        command.env("PORTCULLIS__SERVER__LIMITS__CONNECTIONS", "100");
        command.env("PORTCULLIS__UPSTREAM__REQUESTS", "100");
        let program = home.serve_with(command).await.unwrap();
        assert_eq!(program.open_files_limit(), hard);
        let log = program.logged("serving ", 1).await;
        assert_eq!(log.contains("the limit on open files is lower"), warns, "{log}");
        program.stop().await;
    }
}

//! Every place that starts a task or a thread is known: it is supervised, or it is listed with the
//! reason why its end cannot go unnoticed (I11).

use crate::source::{read, rust_files};

/// What starts a task or thread without supervision.
const SPAWNS: [&str; 8] = [
    "tokio::spawn(",
    "task::spawn(",
    "spawn_blocking(",
    "thread::spawn(",
    "thread::Builder::new()",
    "runtime.spawn(",
    "worker.spawn(",
    "spawn_local(",
];

/// Files that do so, how often, and why that is not a task that may end unnoticed.
const KNOWN: &[(&str, usize, &str)] = &[
    ("src/tasks.rs", 1, "the supervision itself"),
    ("src/app/policy_watch.rs", 1, "awaited by a supervised task, and panics are passed on"),
    ("src/app/reload.rs", 1, "awaited by a supervised task, and panics are passed on"),
    ("src/app/certificate_watch.rs", 1, "awaited by a supervised task"),
    ("src/app/traces.rs", 1, "runs a supervised task"),
    ("src/doctor/recorder.rs", 2, "joined by doctor; one connection"),
    ("src/app/scheduled_backups.rs", 1, "awaited by a supervised task"),
    (
        "src/backup/pace.rs",
        1,
        "one file, whose end the client verifies or a supervised task awaits",
    ),
    ("src/backup/scheduled.rs", 1, "awaited by a supervised task"),
    ("src/credential/hashing/pool.rs", 1, "each thread catches panics and goes on"),
    ("src/demo.rs", 1, "runs a supervised task"),
    ("src/mail/transport.rs", 1, "awaited by the supervised outbox"),
    ("src/net/admin_listener.rs", 1, "one connection"),
    ("src/net/acceptor.rs", 1, "one connection"),
    ("src/directory/access/user_tokens.rs", 1, "one write of a token's last use"),
    ("src/net/workers.rs", 1, "awaited by the supervised watchdog"),
    ("src/net/stream_timeout.rs", 1, "one HTTP/2 stream"),
    ("src/authz/decision_record/log.rs", 2, "awaited by a supervised task; the last flush at exit"),
    ("src/proxy/lease.rs", 1, "one request that its client has left"),
    ("src/proxy/tunnel.rs", 1, "one WebSocket"),
    ("src/proxy/send.rs", 1, "one connection to the portal"),
    ("src/proxy/watch.rs", 1, "one request; its end revokes the permission"),
    ("src/session/last_use.rs", 1, "one write of a session's last use"),
    ("src/telemetry.rs", 1, "losing the log must not stop the gateway"),
    ("crates/demo-portal/src/live.rs", 1, "one connection of the sample portal"),
    ("crates/store/src/feed.rs", 1, "supervised through Feed::ended"),
    ("crates/store/src/sled.rs", 2, "a writer whose end fails the store; one awaited operation"),
    ("crates/store/src/sled/check.rs", 1, "joined by the check of the store"),
];

#[test]
fn i11_every_spawn_is_supervised_or_listed() {
    let mut unknown = Vec::new();
    for file in rust_files() {
        let is_program = file.starts_with("src/") || file.starts_with("crates/");
        let for_tests = ["/tests", "conformance", "src/fuzzing"];
        if !is_program || for_tests.iter().any(|part| file.contains(part)) {
            continue;
        }
        let text = read(&file);
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let found = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .filter(|line| SPAWNS.iter().any(|spawn| line.contains(spawn)))
            .count();
        let known = KNOWN.iter().find(|(name, ..)| *name == file).map_or(0, |(_, count, _)| *count);
        if found != known {
            unknown.push(format!("{file}: {found} found, {known} listed"));
        }
    }
    assert!(unknown.is_empty(), "use `Tasks::spawn`, or list it:\n{}", unknown.join("\n"));
}

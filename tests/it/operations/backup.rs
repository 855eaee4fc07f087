//! `portcullis backup` and `restore`: the file is whole or not there, and a restored store is what the
//! gateway held.

use std::fs;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::support::admin::PASSWORD;
use crate::support::browser::Browser;
use crate::support::client::within;
use crate::support::gate::HOST;
use crate::support::program::{Home, Program};
use crate::support::upstream::Upstream;

const ROUTES: &str = r#"
[[route]]
name = "Anyone who is signed in"
path = "/mine/{*rest}"
access = "signed-in"
"#;

/// A gateway with portal users, and a browser in which one of them is signed in.
async fn serving() -> (Upstream, Home, Program, Browser) {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let program = home.serve().await;
    program.admin.acme_with_user("anna", "admin").await;
    for number in 0..30 {
        program.admin.organization(&format!("Customer {number}")).await;
    }
    let mut browser = Browser::new(program.gateway, HOST);
    assert_eq!(browser.sign_in("anna", PASSWORD).await.status, 303);
    (upstream, home, program, browser)
}

/// The store is gone.
fn lose_the_store(home: &Home) {
    fs::remove_dir_all(home.path("data")).unwrap();
}

/// The status of a request in the session of a browser.
async fn status(program: &Program, browser: &Browser) -> u16 {
    let mut again = Browser::new(program.gateway, HOST);
    again.cookies = browser.cookies.clone();
    again.fetch("/mine/page").await.status
}

#[tokio::test]
async fn i3_restore_gives_back_records_and_audit_log() {
    let (_upstream, home, program, browser) = serving().await;
    let export = home.run(&["export"]).await.done();
    let entries = program.admin.get("/api/v1/audit?limit=1000").await.ok();
    let entries = entries["items"].as_array().unwrap().clone();
    home.run(&["backup", "without"]).await.done();
    let written = home.run(&["backup", "with", "--with-sessions", "--json"]).await.json();
    assert_eq!(written["records"]["organization"], 31);
    assert_eq!(written["sessions"], true);
    assert!(written["audit_checkpoint"].as_str().unwrap().contains("/audit"), "{written}");
    // What came after a backup is not in it.
    program.admin.organization("Later").await;
    program.stop().await;
    for (file, in_session) in [("without", 401), ("with", 200)] {
        home.run(&["backup", "--verify", file]).await.done();
        lose_the_store(&home);
        let restored = home.run(&["restore", file]).await.done();
        assert!(restored.contains("restored"), "{restored}");
        let program = home.serve().await;
        assert_eq!(status(&program, &browser).await, in_session, "{file}");
        assert_eq!(Browser::new(program.gateway, HOST).sign_in("anna", PASSWORD).await.status, 303);
        assert_eq!(home.run(&["export"]).await.done(), export);
        home.run(&["audit", "verify"]).await.done();
        let now = program.admin.get("/api/v1/audit?limit=1000").await.ok();
        let now = now["items"].as_array().unwrap();
        let noted = now.iter().filter(|entry| entry["kind"] == "store.restored");
        assert_eq!(noted.count(), 1);
        assert!(entries.iter().all(|entry| now.contains(entry)), "the log is whole");
        program.stop().await;
    }
}

#[tokio::test]
async fn api_sends_a_whole_backup_to_clients_that_accept_compression() {
    let (_upstream, _home, program, _) = serving().await;
    let mut stream = UnixStream::connect(&program.admin.socket).await.unwrap();
    let request = "GET /api/v1/backup HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\n\
                   connection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    within("a backup", stream.read_to_end(&mut response)).await.unwrap();
    let text = String::from_utf8_lossy(&response);
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    // It is encrypted, so compressing it again would only take time.
    assert!(!text.contains("content-encoding"), "{text}");
    assert!(text.ends_with("\r\n0\r\n\r\n"), "the last chunk is there");
    program.stop().await;
}

#[tokio::test]
async fn i13_full_disk_during_backup_leaves_no_file() {
    let (_upstream, home, program, _) = serving().await;
    for kibibytes in ["0", "4", "16"] {
        let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
        let mut command = tokio::process::Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_portcullis")]);
        command.args(["--config", "portcullis.toml", "backup", "file"]);
        command
            .current_dir(home.path(""))
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let ended = within("a backup", command.output()).await.unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        let named = said.contains("cannot write `file`") && said.contains("was removed");
        assert!(named, "{said}");
        assert!(!home.path("file").exists() && !home.path("file.new").exists());
    }
    // The gateway is not affected.
    home.run(&["backup", "file"]).await.done();
    program.stop().await;
}

#[tokio::test]
async fn i13_restore_refuses_what_it_must_not_use() {
    let (_upstream, home, program, _) = serving().await;
    home.run(&["backup", "file"]).await.done();
    let exists = home.run(&["backup", "file"]).await.refused();
    assert!(exists.contains("`file` exists"), "{exists}");
    let running = home.run(&["restore", "file"]).await.refused();
    assert!(running.contains("already holds a store"), "{running}");
    program.stop().await;
    let stopped = home.run(&["backup", "other"]).await.refused();
    assert!(stopped.contains("no gateway is running"), "{stopped}");
    assert!(!home.path("other").exists() && !home.path("other.new").exists());
    lose_the_store(&home);

    let whole = fs::read(home.path("file")).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(home.path("damaged"), &damaged).unwrap();
    fs::write(home.path("cut"), &whole[..whole.len() - 1]).unwrap();
    let mut newer = whole.clone();
    newer[b"portcullis backup".len() + 7] = 7;
    fs::write(home.path("newer"), &newer).unwrap();
    for (file, texts) in [
        ("damaged", &["`damaged`", "is damaged at byte"][..]),
        ("cut", &["`cut`", "cut off"]),
        ("newer", &["format 7", "up to 1"]),
        ("portcullis.toml", &["not a Portcullis backup"]),
        ("missing", &["`missing`"]),
    ] {
        for command in [&["restore", file][..], &["backup", "--verify", file]] {
            let refused = home.run(command).await.refused();
            assert!(texts.iter().all(|text| refused.contains(text)), "{refused}");
        }
        assert!(!home.path("data").exists(), "{file}: nothing was written");
    }
    let key = home.path("secrets/secret.key");
    let kept = fs::read(&key).unwrap();
    let mut other = kept.clone();
    other[0] = if other[0] == b'0' { b'1' } else { b'0' };
    fs::write(&key, &other).unwrap();
    for command in [&["restore", "file"][..], &["backup", "--verify", "file"]] {
        let refused = home.run(command).await.refused();
        assert!(refused.contains("another secret key"), "{refused}");
    }
    fs::write(&key, &kept).unwrap();
    home.run(&["restore", "file"]).await.done();
}

#[tokio::test]
async fn scheduled_backups_are_made_reported_and_restored() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    home.settings("backup.directory = \"mounted/copies\"\n");
    // The parent of the folder is missing, as if a disk was not mounted.
    let program = home.serve().await;
    let status = within("a failed backup", async {
        loop {
            let status = program.admin.get("/api/v1/status").await.ok();
            if !status["backup"]["problem"].is_null() {
                return status;
            }
            tokio::task::yield_now().await;
        }
    });
    let status = status.await;
    let warnings = status["warnings"].as_array().unwrap();
    let warning = warnings.iter().find(|warning| warning["name"] == "backup-failed").unwrap();
    let detail = warning["detail"].as_str().unwrap();
    assert!(detail.contains("`mounted/copies`"), "{detail}");
    let shown = home.run(&["status"]).await.done();
    assert!(shown.contains("every 1day to mounted/copies, none yet"), "{shown}");
    program.admin.acme_with_user("anna", "admin").await;
    program.stop().await;

    fs::create_dir(home.path("mounted")).unwrap();
    let program = home.serve().await;
    program.logged("scheduled backup made", 1).await;
    let status = program.admin.get("/api/v1/status").await.ok();
    assert!(status["backup"]["problem"].is_null(), "{status}");
    let file = status["backup"]["last"]["file"].as_str().unwrap().to_owned();
    let made = program.admin.get("/api/v1/audit?kind=backup.created").await.ok();
    assert_eq!(made["items"][0]["after"]["file"], file.as_str(), "{made}");
    program.stop().await;
    // The next one is not due yet.
    let program = home.serve().await;
    let status = program.admin.get("/api/v1/status").await.ok();
    assert!(status["backup"]["problem"].is_null(), "{status}");
    program.stop().await;
    assert_eq!(fs::read_dir(home.path("mounted/copies")).unwrap().count(), 1);

    lose_the_store(&home);
    home.run(&["restore", &file]).await.done();
    let program = home.serve().await;
    assert_eq!(Browser::new(program.gateway, HOST).sign_in("anna", PASSWORD).await.status, 303);
}

//! I13: the program creates a store only once, refuses one that is damaged or incomplete, and its
//! errors say what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use http::Method;

use crate::support::admin::{Admin, PASSWORD};
use crate::support::browser::Browser;
use crate::support::client::within;
use crate::support::gate::HOST;
use crate::support::program::{Home, Ran, SERVE};
use crate::support::upstream::Upstream;

const ROUTES: &str = r#"
[[route]]
name = "Whoever is signed in"
path = "/mine/{*rest}"
access = "signed-in"
"#;

/// A home in which one customer has a portal user and another has none.
async fn home() -> (Upstream, Home) {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    let program = home.serve().await;
    program.admin.acme_with_user("anna", "admin").await;
    for number in 0..60 {
        program.admin.organization(&format!("Customer {number}")).await;
    }
    program.stop().await;
    (upstream, home)
}

async fn organizations(admin: &Admin) -> usize {
    let list = admin.get("/api/v1/organizations?limit=500").await.ok();
    list["items"].as_array().unwrap().len()
}

/// What `serve` says when it does not start.
async fn refused(home: &Home) -> String {
    within("a refused start", home.try_serve()).await.unwrap_err()
}

async fn store(home: &Home, args: &[&str]) -> Ran {
    home.run(&[&["store"], args].concat()).await
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[tokio::test]
async fn first_start_puts_key_and_mail_outside_the_store() {
    let (_upstream, home) = home().await;
    for file in ["secrets/secret.key", "data/db", "data.answered"] {
        assert_eq!(mode(&home.path(file)), 0o600, "{file}");
    }
    for folder in ["data", "secrets", "mail"] {
        assert_eq!(mode(&home.path(folder)), 0o700, "{folder}");
    }
    assert!(!home.path("data/secret.key").exists());
    assert!(home.path("data/closed").exists(), "a stop closes the store in good order");
}

#[tokio::test]
async fn i13_flipped_byte_never_serves_fewer_records() {
    let (_upstream, home) = home().await;
    let db = fs::read(home.path("data/db")).unwrap();
    let mut refusals = 0;
    for part in 1..8 {
        let mut damaged = db.clone();
        damaged[part * db.len() / 8] ^= 1;
        fs::write(home.path("data/db"), &damaged).unwrap();
        match home.try_serve().await {
            // The damage is where nothing is read any more.
            Ok(program) => {
                assert_eq!(organizations(&program.admin).await, 61);
                program.stop().await;
                return assert!(refusals > 0);
            }
            Err(said) => {
                refusals += 1;
                assert!(said.contains("is damaged") && said.contains("`db`"), "{said}");
                assert!(said.contains("portcullis store rescue"), "{said}");
                assert!(fs::read(home.path("data/db")).unwrap() == damaged, "left as it is");
            }
        }
        fs::write(home.path("data/db"), &db).unwrap();
    }
    let program = home.serve().await;
    assert_eq!(organizations(&program.admin).await, 61);
    assert_eq!(Browser::new(program.gateway, HOST).sign_in("anna", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn i13_lost_store_is_recreated_only_by_command() {
    for cut in [None, Some(0), Some(3000)] {
        let (_upstream, home) = home().await;
        let key = fs::read(home.path("secrets/secret.key")).unwrap();
        match cut {
            None => fs::remove_dir_all(home.path("data")).unwrap(),
            Some(length) => {
                let db = fs::OpenOptions::new().write(true).open(home.path("data/db")).unwrap();
                db.set_len(length).unwrap();
            }
        }
        let said = refused(&home).await;
        if cut.is_some() {
            assert!(said.contains("is damaged"), "{said}");
            let kept = store(&home, &["init"]).await.refused();
            assert!(kept.contains("move it away"), "{kept}");
            fs::remove_dir_all(home.path("data")).unwrap();
        } else {
            assert!(said.contains("there is no store in `data`"), "{said}");
            assert!(said.contains("portcullis store init"), "{said}");
        }
        store(&home, &["init"]).await.done();
        let program = home.serve().await;
        assert_eq!(organizations(&program.admin).await, 0);
        assert_eq!(fs::read(home.path("secrets/secret.key")).unwrap(), key);
    }
}

#[tokio::test]
async fn i13_other_or_missing_key_prevents_start() {
    let (_upstream, home) = home().await;
    let file = home.path("secrets/secret.key");
    let key = fs::read(&file).unwrap();
    fs::write(&file, [3; 32]).unwrap();
    let said = refused(&home).await;
    assert!(said.contains("belongs to another secret key"), "{said}");
    fs::remove_file(&file).unwrap();
    let said = refused(&home).await;
    assert!(said.contains("is missing") && said.contains("secrets/secret.key"), "{said}");
    assert!(!file.exists(), "no new key is made");
    fs::write(&file, key).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
    let program = home.serve().await;
    assert_eq!(organizations(&program.admin).await, 61);
}

#[tokio::test]
async fn i13_store_init_creates_a_store_for_an_existing_key() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, ROUTES);
    fs::create_dir(home.path("secrets")).unwrap();
    let file = home.path("secrets/secret.key");
    fs::write(&file, [5; 32]).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(refused(&home).await.contains("portcullis store init"));
    store(&home, &["init"]).await.done();
    let program = home.serve().await;
    assert_eq!(organizations(&program.admin).await, 0);
    assert_eq!(fs::read(&file).unwrap(), [5; 32]);
    assert_eq!(noted(&home, "store.created").await, 1);
    assert_eq!(noted(&home, "store.rescued").await, 0);
}

/// How many entries of this kind the audit log has.
async fn noted(home: &Home, kind: &str) -> usize {
    let entries = home.run(&["audit", "list", "--json", "--kind", kind]).await.json();
    entries["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn i13_older_copy_is_refused_until_accepted() {
    let (_upstream, home) = home().await;
    let older = home.path("older");
    copy_folder(&home.path("data"), &older);
    let program = home.serve().await;
    program.admin.organization("Late").await;
    program.stop().await;
    fs::remove_dir_all(home.path("data")).unwrap();
    copy_folder(&older, &home.path("data"));
    let said = refused(&home).await;
    assert!(
        said.contains("older copy") && said.contains("portcullis store accept-older"),
        "{said}"
    );
    let accepted = store(&home, &["accept-older"]).await.done();
    assert!(accepted.contains("was accepted"), "{accepted}");
    assert_eq!(organizations(&home.serve().await.admin).await, 61);
}

#[tokio::test]
async fn damaged_store_is_rescued_and_serves() {
    let (_upstream, home) = home().await;
    let db = fs::OpenOptions::new().write(true).open(home.path("data/db")).unwrap();
    let length = db.metadata().unwrap().len();
    // Over the newest of what was written, as far as it takes to be noticed.
    let mut cut = length / 2;
    while home.try_serve().await.is_ok() {
        cut /= 2;
        db.set_len(cut).unwrap();
    }
    let mut rescued = store(&home, &["rescue", "new"]).await;
    // The last gateway may not have ended yet.
    while rescued.err.contains("is in use by another process") {
        rescued = store(&home, &["rescue", "new"]).await;
    }
    let said = rescued.done();
    assert!(said.contains("written to `new`"), "{said}");
    fs::rename(home.path("data"), home.path("damaged")).unwrap();
    fs::rename(home.path("new"), home.path("data")).unwrap();
    let program = home.serve().await;
    program.admin.organization("New").await;
    assert_eq!(noted(&home, "store.rescued").await, 1);
    assert_eq!(store(&home, &["accept-older"]).await.code, 1, "it is in use");
}

#[tokio::test]
async fn upgrade_keeps_the_key_where_it_was() {
    let (_upstream, home) = home().await;
    let key = fs::read(home.path("secrets/secret.key")).unwrap();
    fs::rename(home.path("secrets/secret.key"), home.path("data/secret.key")).unwrap();
    let program = home.serve().await;
    program.logged("the secret key is still at `data/secret.key`", 1).await;
    assert_eq!(organizations(&program.admin).await, 61);
    assert!(!home.path("secrets/secret.key").exists());
    assert_eq!(fs::read(home.path("data/secret.key")).unwrap(), key);
}

/// `portcullis serve` that can make no file longer than this.
fn serve_on_a_full_disk(home: &Home, kibibytes: u64) -> tokio::process::Command {
    let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
    let mut command = tokio::process::Command::new("bash");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_portcullis")]).args(SERVE);
    command.current_dir(home.path("")).env_clear().kill_on_drop(true);
    command.stderr(std::process::Stdio::piped());
    command
}

#[tokio::test]
async fn i13_first_start_on_a_full_disk_can_be_repeated() {
    for kibibytes in [0, 1, 64, 600] {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, ROUTES);
        let started = home.serve_with(serve_on_a_full_disk(&home, kibibytes)).await;
        if let Some(program) = started {
            program.kill().await;
        }
        let program = home.serve().await;
        program.admin.organization("Acme").await;
    }
}

#[tokio::test]
async fn i13_full_disk_loses_no_answered_write() {
    let (_upstream, home) = home().await;
    let length = fs::metadata(home.path("data/db")).unwrap().len();
    // A start on the full disk, and one that has some room and fills it.
    for more in [0, 700] {
        let command = serve_on_a_full_disk(&home, length / 1024 + more);
        let Some(program) = home.serve_with(command).await else { continue };
        for number in 0..2000 {
            let new = serde_json::json!({ "id": format!("o{number}"), "name": "x".repeat(200) });
            let written = program.admin.try_call(Method::POST, "/api/v1/organizations", Some(new));
            if written.await.map_or(0, |reply| reply.status) != 201 {
                break;
            }
            fs::write(home.path("answered"), number.to_string()).unwrap();
        }
        program.kill().await;
    }
    let program = home.serve().await;
    let answered = fs::read_to_string(home.path("answered")).unwrap();
    let last = program.admin.get(&format!("/api/v1/organizations/o{answered}")).await;
    assert_eq!(last.status, 200, "{answered}");
    assert_eq!(program.admin.get("/api/v1/organizations/o0").await.status, 200);
}

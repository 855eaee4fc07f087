//! The packages of a release and the container image.

use std::fs;
use std::path::Path;

use crate::support::program::Home;
use crate::support::upstream::Upstream;

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The arguments of the image's health check.
fn health_check() -> Vec<String> {
    let dockerfile = file("Dockerfile");
    let (_, check) = dockerfile.split_once("HEALTHCHECK").unwrap();
    let (_, command) = check.split_once("CMD ").unwrap();
    let command: Vec<String> = serde_json::from_str(command.lines().next().unwrap()).unwrap();
    assert_eq!(command[0], "/usr/local/bin/portcullis");
    command[1..].to_vec()
}

#[tokio::test]
async fn i1_health_check_of_the_image_fails_after_a_stop() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, "");
    let program = home.serve().await;
    let check = health_check();
    let check: Vec<&str> = check.iter().map(String::as_str).collect();
    assert_eq!(home.run(&check).await.done(), "ready\n");
    program.stop().await;
    let refused = home.run(&check).await.refused();
    assert!(refused.contains("no gateway is running"), "{refused}");
}

#[test]
fn the_image_runs_as_a_user_without_rights() {
    let dockerfile = file("Dockerfile");
    let (_, last) = dockerfile.rsplit_once("\nFROM ").unwrap();
    assert!(last.contains("\nUSER 10001:10001\n"), "{last}");
    assert!(last.find("\nUSER").unwrap() < last.find("\nENTRYPOINT").unwrap());
}

#[test]
fn removing_the_package_keeps_settings_and_data() {
    for script in ["prerm", "postrm", "postinst"] {
        let text = file(&format!("config/debian/{script}"));
        assert!(text.contains("\nset -e\n"), "{script}");
        let removes =
            text.split_whitespace().any(|word| ["rm", "deluser", "userdel"].contains(&word));
        assert!(!removes, "{script}");
    }
}

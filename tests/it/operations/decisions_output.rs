//! Where decision records go, and in which format.

use std::path::Path;

use crate::support::gate::TestGate;

async fn eventually(path: &Path, wanted: &str) -> String {
    for _ in 0..100 {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if text.contains(wanted) {
            return text;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{wanted} is not in {}", path.display());
}

#[tokio::test]
async fn records_go_to_a_file_that_is_reopened_on_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let (file, moved) = (folder.path().join("decisions.log"), folder.path().join("decisions.1"));
    let gate = TestGate::builder()
        .setting("telemetry.decisions_output", &format!("\"{}\"", file.display()))
        .setting("telemetry.decisions_format", "\"logfmt\"")
        .start()
        .await;
    gate.get("/open/first").send().await;
    let text = eventually(&file, "path=/open/first").await;
    assert!(text.starts_with("time=20"), "{text}");
    std::fs::rename(&file, &moved).unwrap();
    gate.hang_up();
    eventually(&file, "").await;
    while !file.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    gate.get("/open/second").send().await;
    let text = eventually(&file, "path=/open/second").await;
    assert!(!text.contains("/open/first"), "{text}");
    assert!(!std::fs::read_to_string(&moved).unwrap().contains("/open/second"));
    assert_eq!(gate.records(), "", "nothing is on standard output");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o007, 0);
}

#[tokio::test]
async fn plain_records_begin_with_what_people_look_for() {
    let gate = TestGate::builder().setting("telemetry.decisions_format", "\"plain\"").start().await;
    gate.get("/open/a").send().await;
    for _ in 0..100 {
        let records = gate.records();
        if records.contains(" 127.0.0.1 allow public GET /open/a 200 ") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{}", gate.records());
}

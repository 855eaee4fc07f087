//! `portcullis top`.

use crate::support::gate::TestGate;
use crate::support::program::run;

#[tokio::test]
async fn top_shows_what_happens_within_an_interval() {
    let gate = TestGate::start().await;
    let socket = gate.file("data/admin.sock");
    let socket = socket.to_str().unwrap();
    let requests = async {
        for _ in 0..20 {
            gate.get("/open/a").send().await;
            gate.get("/nowhere").send().await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let args = ["top", "--once", "--interval", "1", "--json", "--socket", socket];
    let (top, ()) = tokio::join!(run(folder.path(), &args, ""), requests);
    let top = top.json();
    assert!(top["requests"].as_f64().unwrap() > 0.0, "{top}");
    assert!(top["refused"].as_f64().unwrap() > 0.0, "{top}");
    assert_eq!(top["servers"][0]["up"], true);
    assert!(top["routes"][0]["portal_time"].as_f64().unwrap() > 0.0, "{top}");
    let text = run(folder.path(), &["top", "--once", "--socket", socket], "").await.done();
    assert!(text.contains("SLOWEST ROUTES") && text.contains("REFUSALS"), "{text}");
    run(folder.path(), &["top", "--once", "--socket", "none.sock"], "").await.refused();
}

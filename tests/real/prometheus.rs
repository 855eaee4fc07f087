//! The alert rules in `config/observability`, as Prometheus reads them.

use std::path::Path;
use std::process::{Command, Output};

fn check_rules(file: &Path) -> Output {
    Command::new("promtool").args(["check", "rules"]).arg(file).output().unwrap()
}

#[test]
fn alert_rules_pass_promtool() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/observability/alerts.yml");
    let checked = check_rules(&rules);
    assert!(checked.status.success(), "{checked:?}");

    let text = std::fs::read_to_string(&rules).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("alerts.yml");
    std::fs::write(&broken, text.replacen("sum by (instance)", "sum by (instance", 1)).unwrap();
    let checked = check_rules(&broken);
    assert!(!checked.status.success(), "{checked:?}");
}

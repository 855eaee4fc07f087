//! The policies in `policies/examples/`, with the settings that their comments ask for.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::program::Setup;
use super::{helpdesk, node_red, tomcat};

const DOKUWIKI: Setup = Setup {
    name: "dokuwiki",
    settings: &[("upstream.remove_headers", r#"["X-DokuWiki-Do"]"#)],
    ready: "/",
    masks: &[],
    fields: &[],
};

#[test]
fn example_policies_pass_check_without_warnings() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    for setup in [&DOKUWIKI, &helpdesk::HELPDESK, &node_red::NODE_RED, &tomcat::TOMCAT] {
        let policy = project.join("policies/examples").join(setup.name);
        let mut settings = format!(
            "server.public_url = \"http://portal.test\"\n\
             upstream.servers = [\"http://127.0.0.1:9000\"]\n\
             policy.directory = {:?}\n",
            policy.to_str().unwrap()
        );
        let comments = std::fs::read_to_string(policy.join("routes.toml")).unwrap();
        for (key, value) in setup.settings {
            writeln!(settings, "{key} = {value}").unwrap();
            let (_, key) = key.rsplit_once('.').unwrap();
            let named = comments.contains(&format!("{key} = {value}"));
            assert!(named || key == "password", "{}: {key}", setup.name);
        }
        let file = folder.path().join("portcullis.toml");
        std::fs::write(&file, settings).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["check", "--config", file.to_str().unwrap()])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let text = text + &String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{}: {text}", setup.name);
        assert!(!text.contains("warning"), "{}: {text}", setup.name);
    }
}

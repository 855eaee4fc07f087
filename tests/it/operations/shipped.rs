//! What is shipped fits together: settings, policy and their documentation.

use std::path::Path;

use crate::support::program::run;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn file(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap()
}

/// The keys of a document as they are named: `section.key`.
fn keys(table: &toml::Table, section: &str, found: &mut Vec<String>) {
    for (key, value) in table {
        let key = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
        match value {
            toml::Value::Table(inner) => keys(inner, &key, found),
            _ => found.push(key),
        }
    }
}

#[test]
fn every_key_of_the_shipped_settings_is_documented() {
    let settings = file("config/portcullis.toml");
    // Keys that are shown without being set are keys too.
    let shown: String = settings
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(key) if key.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => key,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = Vec::new();
    keys(&toml::from_str(&shown).unwrap(), "", &mut found);
    for key in ["server.listen", "server.limits.headers", "server.tls.key", "server.threads"] {
        assert!(found.iter().any(|one| one == key), "{key} is not among {found:?}");
    }
    let reference = file("docs/configuration.md");
    let is_documented = |key: &String| {
        // Static headers have labels of the operator's choice; a secret may be in a file.
        let mut parts: Vec<&str> = key.split('.').collect();
        if let ["identity", "static", label, _] = parts.as_mut_slice() {
            *label = "LABEL";
        }
        let key = parts.join(".");
        let value = key.strip_suffix("_file").unwrap_or(&key);
        [&key, value].iter().any(|key| reference.contains(&format!("`{key}`")))
    };
    let missing: Vec<&String> = found.iter().filter(|key| !is_documented(key)).collect();
    assert!(missing.is_empty(), "docs/configuration.md does not name {missing:?}");
}

#[test]
fn every_documented_key_is_in_the_shipped_settings() {
    let reference = file("docs/configuration.md");
    let settings = file("config/portcullis.toml");
    let documented: Vec<&str> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|key| key.contains('.') && !key.contains(' '))
        .collect();
    assert!(documented.len() > 30, "{documented:?}");
    for key in documented {
        let name = key.rsplit('.').next().unwrap();
        let shown = ["", "_file"].map(|suffix| settings.contains(&format!("{name}{suffix} = ")));
        assert!(shown.contains(&true), "config/portcullis.toml lacks {key}");
    }
}

#[tokio::test]
async fn shipped_settings_and_policy_pass_check() {
    let said = run(project(), &["check"], "").await.done();
    assert!(said.contains("24 permissions, 4 groups"), "{said}");
    assert!(said.contains("config/portcullis.toml"), "{said}");
}

#[tokio::test]
async fn dokuwiki_example_policy_passes_check() {
    let folder = tempfile::tempdir().unwrap();
    let policy = project().join("policies/examples/dokuwiki");
    let settings = format!(
        "server.public_url = \"http://localhost:8080\"\nupstream.servers = [\"http://127.0.0.1:1\"]\n\
         policy.directory = {:?}\n",
        policy.to_str().unwrap()
    );
    std::fs::write(folder.path().join("wiki.toml"), settings).unwrap();
    let said = run(folder.path(), &["check", "--config", "wiki.toml"], "").await.done();
    assert!(said.contains("2 permissions, 4 groups"), "{said}");
}

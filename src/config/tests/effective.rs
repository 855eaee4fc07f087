//! The settings that take effect, as `portcullis config show` prints them.

use super::*;

/// Settings with every key that exists only if something in its section is set.
const ALL_SECTIONS: &str = r#"
    [server]
    public_url = "https://portal.example.com"
    [upstream]
    servers = ["http://127.0.0.1:9000"]
    others.name = ["http://127.0.0.1:9001"]
    [identity.static.LABEL]
    header = "X-Key"
    value = "hunter2"
    [identity.basic]
    user = "{login}"
    password = "hunter2"
"#;

fn effective(text: &str, environment: &HashMap<String, String>) -> Vec<EffectiveSetting> {
    let loaded = Loaded::parse(text, Path::new("p.toml"), environment).unwrap();
    loaded.settings.unwrap();
    loaded.effective
}

fn find<'s>(settings: &'s [EffectiveSetting], key: &str) -> &'s EffectiveSetting {
    settings.iter().find(|setting| setting.key == key).unwrap_or_else(|| panic!("no {key}"))
}

#[test]
fn every_documented_key_is_shown() {
    let shown = effective(ALL_SECTIONS, &HashMap::new());
    let reference = include_str!("../../../docs/configuration.md");
    let keys: Vec<&str> = reference
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|key| key.contains('.') && !key.contains([' ', ':', '/']))
        .collect();
    assert!(keys.len() > 80, "{keys:?}");
    for key in keys {
        let below = format!("{key}.");
        let is_shown = shown.iter().any(|one| one.key == key || one.key.starts_with(&below));
        assert!(is_shown, "{key} is not shown");
    }
}

#[test]
fn the_shown_defaults_are_those_that_take_effect() {
    let mut lines = String::new();
    for EffectiveSetting { key, value, .. } in effective(LEAST, &HashMap::new()) {
        match value {
            // An encoding without its header is an error.
            _ if key.starts_with("identity.encoding.") && key != "identity.encoding.user" => {}
            EffectiveValue::Plain(serde_json::Value::Null) | EffectiveValue::Secret { .. } => {}
            // JSON is TOML, as long as there are no tables in it.
            EffectiveValue::Plain(value) => lines.push_str(&format!("{key} = {value}\n")),
        }
    }
    assert!(lines.contains("session.idle_timeout = \"30m\"\n"), "{lines}");
    assert!(lines.contains("server.limits.headers = 100\n"), "{lines}");
    let (shown, mut least) = (parse(&lines).unwrap(), parse(LEAST).unwrap());
    // What is shown is set by that.
    least.branding.unset.clone_from(&shown.branding.unset);
    assert_eq!(format!("{shown:?}"), format!("{least:?}"));
}

#[test]
fn each_setting_is_shown_with_its_source() {
    let set = environment(&[("PORTCULLIS__SERVER__HOSTS", "a.example, b.example")]);
    let shown = effective(LEAST, &set);
    let hosts = find(&shown, "server.hosts");
    assert_eq!(hosts.value, EffectiveValue::Plain(serde_json::json!(["a.example", "b.example"])));
    let variable = "PORTCULLIS__SERVER__HOSTS".to_owned();
    assert_eq!(hosts.origin, Origin::Environment { variable });
    let file = PathBuf::from("p.toml");
    assert_eq!(find(&shown, "server.public_url").origin, Origin::File { file, line: 3 });
    assert_eq!(find(&shown, "server.hsts").origin, Origin::Default);
    assert_eq!(find(&shown, "branding.logo").value, EffectiveValue::Plain(serde_json::Value::Null));
}

#[test]
fn secrets_are_shown_as_set_or_not() {
    let set = environment(&[("PORTCULLIS__MAIL__SMTP__PASSWORD", "hunter2")]);
    let text = format!("{ALL_SECTIONS}[mail.smtp]\nhost = \"m\"\nusername = \"u\"");
    let shown = effective(&text, &set);
    for key in ["mail.smtp.password", "identity.basic.password", "identity.static.LABEL.value"] {
        assert_eq!(find(&shown, key).value, EffectiveValue::Secret { is_set: true }, "{key}");
    }
    assert!(!format!("{shown:?}").contains("hunter2"));
    let least = effective(LEAST, &HashMap::new());
    let unset = find(&least, "mail.smtp.password");
    assert_eq!(unset.value, EffectiveValue::Secret { is_set: false });
}

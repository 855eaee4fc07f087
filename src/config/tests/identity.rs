//! What the portal learns, from the file and from the environment.

use super::*;
use crate::config::FieldEncoding;

fn with(lines: &str) -> Settings {
    parse(&format!("{LEAST}\n[identity]\n{lines}")).unwrap()
}

#[test]
fn texts_are_off_until_switched_on() {
    let least = parse(LEAST).unwrap().identity;
    assert!(!least.disclosure.is_any() && least.static_fields.is_empty() && least.basic.is_none());
    assert_eq!(least.names.all().count(), 8);
    let off = with("email = false\nname = \"false\"").identity;
    assert!(!off.disclosure.is_any() && off.names.email.is_none());
    let on = with(
        "email = true\nname = \"X-Display-Name\"\norganization_name = \"true\"\n\
         [identity.encoding]\nname = \"latin-1\"",
    );
    let on = on.identity;
    assert_eq!(on.names.email.unwrap(), "portcullis-email");
    assert_eq!(on.names.name.unwrap(), "x-display-name");
    assert_eq!(on.names.organization_name.unwrap(), "portcullis-organization-name");
    assert_eq!(on.disclosure.email, Some(FieldEncoding::Utf8));
    assert_eq!(on.disclosure.name, Some(FieldEncoding::Latin1));
    assert_eq!((on.disclosure.group_name, on.disclosure.login), (None, None));
}

#[test]
fn static_headers_and_the_account_can_be_in_the_environment() {
    let set = environment(&[
        ("PORTCULLIS__IDENTITY__EMAIL", "true"),
        ("PORTCULLIS__IDENTITY__ENCODING__USER", "base64"),
        ("PORTCULLIS__IDENTITY__STATIC__SHARED__HEADER", "X-Key"),
        ("PORTCULLIS__IDENTITY__STATIC__SHARED__VALUE", "hunter2"),
        ("PORTCULLIS__IDENTITY__BASIC__USER", "{login}"),
        ("PORTCULLIS__IDENTITY__BASIC__PASSWORD", "hunter2"),
    ]);
    let settings = Settings::parse(LEAST, Path::new("p.toml"), &set).unwrap();
    let identity = &settings.identity;
    assert_eq!(identity.user_encoding, FieldEncoding::Base64);
    assert_eq!(identity.static_fields[0].0, "x-key");
    assert_eq!(identity.static_fields[0].1, "hunter2");
    assert!(identity.basic.is_some() && identity.account.is_none());
    let shown = format!("{settings:?}");
    assert!(shown.contains("x-key") && !shown.contains("hunter2"), "{shown}");
    assert!(parse(&format!("{LEAST}\n[identity.static]\n# port.value = \"1\"")).is_ok());
}

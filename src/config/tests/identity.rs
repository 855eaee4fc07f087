//! What the portal learns, from the file and from the environment.

use super::*;
use crate::config::FieldEncoding;
use crate::credential::signing::Algorithm;

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

#[test]
fn assertion_is_switched_on_by_its_audience() {
    assert!(parse(LEAST).unwrap().identity.assertion.is_none());
    let identity = with("assertion = { audience = \"helpdesk\" }").identity;
    let assertion = identity.assertion.unwrap();
    assert_eq!((assertion.audience.as_str(), assertion.is_bearer()), ("helpdesk", false));
    assert_eq!(assertion.algorithm, Algorithm::EdDsa);
    assert_eq!((assertion.lifetime.as_secs(), assertion.rotation.as_secs()), (60, 30 * 86_400));
    assert_eq!(identity.names.assertion.unwrap(), "portcullis-assertion");
    let bearer = with("assertion = { audience = \"a\", header = \"Authorization\" }").identity;
    assert!(bearer.names.assertion.is_none() && bearer.sends_authorization());
    for (lines, key) in [
        ("assertion = { algorithm = \"ES256\" }", "audience"),
        ("assertion = { audience = \" \" }", "audience"),
        ("assertion = { audience = \"a\", algorithm = \"none\" }", "algorithm"),
        ("assertion = { audience = \"a\", lifetime = \"9s\" }", "lifetime"),
        ("assertion = { audience = \"a\", lifetime = \"2h\" }", "lifetime"),
        ("assertion = { audience = \"a\", rotation = \"59m\" }", "rotation"),
        ("assertion = { audience = \"a\", header = \"Portcullis-User\" }", "header"),
        ("assertion = { audience = \"a\", header = \"Cookie\" }", "header"),
        (
            "assertion = { audience = \"a\", header = \"Authorization\" }\n\
             basic = { user = \"x\", password = \"y\" }",
            "header",
        ),
    ] {
        let problems = parse(&format!("{LEAST}\n[identity]\n{lines}")).unwrap_err();
        let keys: Vec<_> = problems.0.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, [format!("identity.assertion.{key}")], "{lines}");
    }
}

#[test]
fn cookie_needs_a_name_and_separate_placeholders() {
    assert!(parse(LEAST).unwrap().identity.cookie.is_none());
    let cookie = with("cookie = { name = \"PORTAL_USER\", value = \"{organization}:{login}\" }");
    assert_eq!(cookie.identity.cookie.unwrap().name, "PORTAL_USER");
    let with_email = with("cookie = { name = \"u\", value = \"{email}\" }").identity;
    assert_eq!(with_email.disclosure.email, Some(FieldEncoding::Utf8));
    assert!(with_email.names.email.is_none(), "for the cookie only");
    for (lines, key) in [
        ("cookie = { value = \"{login}\" }", "name"),
        ("cookie = { name = \"a b\", value = \"{login}\" }", "name"),
        ("cookie = { name = \"\", value = \"{login}\" }", "name"),
        ("cookie = { name = \"portcullis\", value = \"{login}\" }", "name"),
        ("cookie = { name = \"__Host-Portcullis-x\", value = \"{login}\" }", "name"),
        ("cookie = { name = \"u\" }", "value"),
        ("cookie = { name = \"u\", value = \"portal\" }", "value"),
        ("cookie = { name = \"u\", value = \"{Login}\" }", "value"),
        ("cookie = { name = \"u\", value = \"{login}; a=b\" }", "value"),
        ("cookie = { name = \"u\", value = \"{login}%40\" }", "value"),
        ("cookie = { name = \"u\", value = \"{organization}{login}\" }", "value"),
        ("cookie = { name = \"u\", value = \"{organization}-{login}\" }", "value"),
    ] {
        let problems = parse(&format!("{LEAST}\n[identity]\n{lines}")).unwrap_err();
        let keys: Vec<_> = problems.0.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, [format!("identity.cookie.{key}")], "{lines}");
    }
}

use super::*;
use crate::directory::fixture::Fixture;
use crate::directory::fixture::{by_operator, by_operator_to};

fn patch(json: &str) -> PreferencesPatch {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn r12_links_ask_for_sign_in_by_default() {
    let fixture = Fixture::new().await;
    let preferences = fixture.directory.preferences().get().await.unwrap();
    assert_eq!(
        serde_json::to_value(&preferences).unwrap(),
        serde_json::json!({
            "secure_with_password_if_portal_users_exist": true,
            "disabled_redirect_url": null,
            "default_group": "admin",
            "notify_impersonated": false,
            "version": 1,
        })
    );
    let off = patch(r#"{"secure_with_password_if_portal_users_exist": false}"#);
    let changed =
        fixture.directory.preferences().change(off.clone(), &by_operator_to(1)).await.unwrap();
    assert!(!changed.secure_with_password_if_portal_users_exist);
    let snapshot = fixture.directory.snapshot();
    assert!(!snapshot.preferences().secure_with_password_if_portal_users_exist);
    let error = fixture.directory.preferences().change(off, &by_operator_to(1)).await.unwrap_err();
    assert_eq!(error.code(), "changed");
}

#[tokio::test]
async fn r60_the_portal_is_disabled_by_a_url_and_enabled_by_null() {
    let fixture = Fixture::new().await;
    let url = || fixture.directory.snapshot().preferences().disabled_redirect_url.clone();
    assert_eq!(url(), None);
    for good in [
        "http://example.com",
        "https://example.com:8443/away?why=1#top",
        "http://[::1]/",
        "http://h:65535",
    ] {
        let set = PreferencesPatch {
            disabled_redirect_url: Some(Some(good.to_owned())),
            ..PreferencesPatch::default()
        };
        fixture.directory.preferences().change(set, &by_operator()).await.unwrap();
        assert_eq!(url().as_deref(), Some(good));
    }
    // A field that is left out stays as it is.
    fixture.directory.preferences().change(patch("{}"), &by_operator()).await.unwrap();
    assert!(url().is_some());
    let clear = patch(r#"{"disabled_redirect_url": null}"#);
    fixture.directory.preferences().change(clear, &by_operator()).await.unwrap();
    assert_eq!(url(), None);
}

#[tokio::test]
async fn r60_an_invalid_redirect_url_is_refused() {
    let fixture = Fixture::new().await;
    let long = format!("https://example.com/{}", "x".repeat(MAX_URL));
    for bad in [
        "",
        "example.com",
        "//example.com",
        "/away",
        "ftp://example.com",
        "javascript:alert(1)",
        " https://example.com",
        "https://",
        "https:///away",
        "https://example.com:99999",
        "https://example.com:0/",
        "https://example.com:/away",
        "http://[::1]:65536",
        "https://exa mple.com",
        "https://example.com/\r\nSet-Cookie: a=b",
        "https://example.com/ä",
        &long,
    ] {
        let set = PreferencesPatch {
            disabled_redirect_url: Some(Some(bad.to_owned())),
            ..PreferencesPatch::default()
        };
        let error = fixture.directory.preferences().change(set, &by_operator()).await.unwrap_err();
        assert!(
            matches!(error, DirectoryError::Invalid { field: "disabled_redirect_url", .. }),
            "{bad:?}"
        );
    }
    let change = by_operator();
    let error = fixture
        .directory
        .preferences()
        .change(patch(r#"{"disabled_redirect_url": "ftp://example.com"}"#), &change);
    let message = error.await.unwrap_err().to_string();
    assert!(message.contains("`http://` or `https://`"), "{message}");
    assert_eq!(fixture.directory.preferences().get().await.unwrap().version, 1);
}

#[tokio::test]
async fn r60_a_redirect_to_the_portal_itself_is_refused() {
    let fixture = Fixture::new().await;
    let change = async |(public_url, hosts): (&str, &[&str]), url: &str| {
        let directory = fixture.serving(ServedHosts::parsed(public_url, hosts)).await;
        let set = PreferencesPatch {
            disabled_redirect_url: Some(Some(url.to_owned())),
            ..PreferencesPatch::default()
        };
        directory.preferences().change(set, &by_operator()).await
    };
    let public = ("https://portal.example", &["other.example"][..]);
    let local = ("http://localhost:8080", &["[::1]"][..]);
    for (served, own) in [
        (public, "https://portal.example"),
        (public, "http://Portal.EXAMPLE:80/away"),
        (public, "https://ann@other.example:443/?x=1"),
        (local, "http://localhost:8080/"),
        (local, "http://[0:0::1]:8080/"),
        (local, "http://[::1]/"),
    ] {
        let error = change(served, own).await.unwrap_err();
        assert_eq!(error.code(), "invalid", "{own}");
        assert!(error.to_string().contains("portal itself"), "{error}");
    }
    for (served, elsewhere) in [
        (public, "https://status.portal.example/"),
        (public, "https://portal.example:8443/"),
        (public, "https://elsewhere.example/portal.example"),
        (local, "http://localhost:9090/"),
    ] {
        change(served, elsewhere).await.unwrap();
    }
}

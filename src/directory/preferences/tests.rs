use super::*;
use crate::directory::fixture::Fixture;

fn patch(json: &str) -> PreferencesPatch {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn r12_a_new_installation_asks_for_passwords_where_there_are_portal_users() {
    let fixture = Fixture::new().await;
    let preferences = fixture.directory.preferences().await.unwrap();
    assert_eq!(
        serde_json::to_value(&preferences).unwrap(),
        serde_json::json!({
            "secure_with_password_if_portal_users_exist": true,
            "disabled_redirect_url": null,
            "default_group": "admin",
            "version": 1,
        })
    );
    let off = patch(r#"{"secure_with_password_if_portal_users_exist": false}"#);
    let changed = fixture.directory.change_preferences(off.clone(), Some(1)).await.unwrap();
    assert!(!changed.secure_with_password_if_portal_users_exist);
    let snapshot = fixture.directory.snapshot();
    assert!(!snapshot.preferences().secure_with_password_if_portal_users_exist);
    let error = fixture.directory.change_preferences(off, Some(1)).await.unwrap_err();
    assert_eq!(error.code(), "changed");
}

#[tokio::test]
async fn r60_the_portal_is_disabled_by_a_url_and_brought_back_by_null() {
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
        fixture.directory.change_preferences(set, None).await.unwrap();
        assert_eq!(url().as_deref(), Some(good));
    }
    // What is left out stays.
    fixture.directory.change_preferences(patch("{}"), None).await.unwrap();
    assert!(url().is_some());
    let clear = patch(r#"{"disabled_redirect_url": null}"#);
    fixture.directory.change_preferences(clear, None).await.unwrap();
    assert_eq!(url(), None);
}

#[tokio::test]
async fn r60_what_is_no_web_address_is_refused() {
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
        let error = fixture.directory.change_preferences(set, None).await.unwrap_err();
        assert!(
            matches!(error, DirectoryError::Invalid { field: "disabled_redirect_url", .. }),
            "{bad:?}"
        );
    }
    let error = fixture
        .directory
        .change_preferences(patch(r#"{"disabled_redirect_url": "ftp://example.com"}"#), None);
    let told = error.await.unwrap_err().to_string();
    assert!(told.contains("`http://` or `https://`"), "{told}");
    assert_eq!(fixture.directory.preferences().await.unwrap().version, 1);
}

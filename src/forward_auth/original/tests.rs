use super::*;

/// What is stated outside of fields over HTTP.
fn no_message() -> Result<Asked, Mistake> {
    Err(ContractError::MissingField.into())
}

/// The request that nginx asks about with this URL, and why its target is bad.
fn nginx(url: &str) -> Result<(Request<Unbodied>, Option<BadTarget>), ContractError> {
    let mut request = Request::builder()
        .uri(paths::VERIFY_NGINX)
        .header(ORIGINAL_METHOD, "GET")
        .header(ORIGINAL_URL, url)
        .body(Unbodied::new())
        .unwrap();
    let original = Original::read(Contract::Nginx, &mut request, no_message(), |_| false);
    original.map(|original| (request, original.bad)).map_err(|mistake| mistake.error())
}

#[test]
fn target_is_read_byte_for_byte_or_refused() {
    for target in ["/", "/a/../b", "//a", "/a?b=c&d=%2f", "/%61", "/a;b", "/a//?"] {
        let (request, bad) = nginx(&format!("https://portal.test{target}")).unwrap();
        assert_eq!(bad, None, "{target}");
        assert_eq!(request.uri().path_and_query().unwrap().as_str(), target);
        assert_eq!(request.headers()[header::HOST], "portal.test");
    }
    for (target, expected) in
        [("/a#b", BadTarget::Fragment), ("/a b", BadTarget::Control), ("/a?b c", BadTarget::Query)]
    {
        let (_, bad) = nginx(&format!("https://portal.test{target}")).unwrap();
        assert_eq!(bad, Some(expected), "{target}");
    }
}

#[test]
fn url_without_scheme_or_path_is_not_the_contract() {
    for url in ["", "/a", "portal.test/a", "ftp://portal.test/a", "https://portal.test"] {
        assert_eq!(nginx(url).unwrap_err(), ContractError::UnreadableField, "{url}");
    }
}

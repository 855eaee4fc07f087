use super::*;
use crate::Host;
use crate::request_path::MAX_TARGET;

fn read(method: &Method, target: &str, host: &str) -> Result<String, BadRequest> {
    let served = |line: &[u8]| {
        let text = std::str::from_utf8(line).map_err(|_| BadRequest::BadHost)?;
        let host = Host::parse(text).map_err(|_| BadRequest::BadHost)?;
        if host.name() == "portal.example" { Ok(()) } else { Err(BadRequest::UnknownHost) }
    };
    let ((), target) = RequestLine::from_text(method, target, host).read(served)?;
    Ok(target.as_str().to_owned())
}

fn get(target: &str) -> Result<String, BadRequest> {
    read(&Method::GET, target, "portal.example:8080")
}

#[test]
fn an_absolute_url_must_name_the_host() {
    for (target, expected) in [
        ("http://portal.example:8080/a?b", "/a?b"),
        ("HTTPS://Portal.Example:8080/%61", "/a"),
        ("http://portal.example:8080", "/"),
    ] {
        assert_eq!(get(target).as_deref(), Ok(expected), "{target}");
    }
    for target in [
        "http://portal.example/a",
        "http://other:8080/a",
        "http://user@portal.example:8080/a",
        "http://portal.example:8080\\@other/a",
        "http:///a",
    ] {
        assert_eq!(get(target), Err(BadRequest::HostMismatch), "{target}");
    }
    for (target, cause) in [
        ("ftp://portal.example:8080/a", BadTarget::Form),
        ("portal.example:8080", BadTarget::Form),
        ("*", BadTarget::Form),
        ("http://portal.example:8080/../a", BadTarget::DotSegment),
        ("http://portal.example:8080//a", BadTarget::EmptySegment),
        ("http://portal.example:8080/a#a", BadTarget::Fragment),
        // It is a path like any other.
        ("/http://portal.example:8080/a", BadTarget::EmptySegment),
    ] {
        assert_eq!(get(target), Err(cause.into()), "{target}");
    }
    let long = format!("http://portal.example:8080/{}", "a".repeat(MAX_TARGET));
    assert_eq!(get(&long), Err(BadTarget::TooLong.into()));
}

#[test]
fn the_host_is_read_before_the_target() {
    for (host, cause) in [
        ("other.example", BadRequest::UnknownHost),
        ("portal..example", BadRequest::BadHost),
        ("", BadRequest::BadHost),
    ] {
        assert_eq!(read(&Method::GET, "/a//b", host), Err(cause), "{host}");
    }
    assert_eq!(read(&Method::GET, "/a/b", "PORTAL.example").as_deref(), Ok("/a/b"));
    assert_eq!(read(&Method::CONNECT, "/a/b", "portal.example"), Err(BadRequest::Connect));
    let nameless = RequestLine { host: None, ..RequestLine::from_text(&Method::GET, "/a", "") };
    assert_eq!(nameless.read(|_| Ok(())).err(), Some(BadRequest::NoHost));
    let pathless = RequestLine { target: None, ..RequestLine::from_text(&Method::GET, "/a", "h") };
    assert_eq!(pathless.read(|_| Ok(())).err(), Some(BadRequest::NoPath));
}

#[test]
fn every_name_is_there_once_and_in_the_documents() {
    let mut names: Vec<_> = BadRequest::names().collect();
    let document = include_str!("../../../../docs/policies.md");
    for name in &names {
        assert!(
            document.contains(&format!("`{name}`")),
            "docs/policies.md does not mention {name}"
        );
    }
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

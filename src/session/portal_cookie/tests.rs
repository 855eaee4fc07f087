use super::*;
use crate::config::Settings;

fn names(list: &str) -> CookieNames {
    let text = format!(
        "server.public_url = \"http://localhost\"\nupstream.servers = [\"http://127.0.0.1:1\"]\n\
         session.portal_cookies = {list}\n"
    );
    let none = std::collections::HashMap::new();
    Settings::parse(&text, std::path::Path::new("test"), &none).unwrap().portal_cookies
}

pub(in crate::session) fn cookie(name: &str, path: &str, domain: Option<&str>) -> PortalCookie {
    let (name, path) = (name.to_owned(), path.to_owned());
    PortalCookie { name, path, domain: domain.map(str::to_owned), partitioned: false }
}

#[test]
fn a_cookie_is_read_as_browsers_read_it() {
    let names = names("[\"wordpress_*\"]");
    let set_by = |line: &str| PortalCookie::set_by(line.as_bytes(), &names, "/blog/wp-login.php");
    for (line, path, domain) in [
        ("wordpress_a=1", "/blog", None),
        (" wordpress_a =1; HttpOnly", "/blog", None),
        ("wordpress_a=1; Path=/wp-admin; Secure", "/wp-admin", None),
        ("wordpress_a=1;path = /", "/", None),
        ("wordpress_a=1; Path=; Domain=", "/blog", None),
        ("wordpress_a=1; Path=x", "/blog", None),
        ("wordpress_a=1; Path=/a; Path=/b", "/b", None),
        ("wordpress_a=1; Path=/; Domain=.Example.COM", "/", Some("example.com")),
        ("wordpress_a=1; Path=/; Max-Age=3600", "/", None),
        ("wordpress_a=1; Path=/; Max-Age=", "/", None),
    ] {
        assert_eq!(set_by(line), Some(cookie("wordpress_a", path, domain)), "{line}");
    }
    for line in [
        "wordpress_a",
        "=wordpress_a=1",
        "wordpress=1",
        "Wordpress_a=1",
        "a=wordpress_a=1",
        "wordpress_a=; Path=/; Max-Age=0",
        "wordpress_a=; Max-Age=-1",
    ] {
        assert_eq!(set_by(line), None, "{line}");
    }
    assert_eq!(default_path("/"), "/");
    assert_eq!(default_path("/a"), "/");
    assert_eq!(default_path("/a/b/"), "/a/b");
}

#[test]
fn a_partitioned_cookie_is_expired_in_its_partition() {
    let names = names("[\"wordpress_*\"]");
    let line = b"wordpress_a=1; Path=/; Secure; HttpOnly; partitioned";
    let set = PortalCookie::set_by(line, &names, "/").unwrap();
    assert_ne!(set, cookie("wordpress_a", "/", None));
    let kept: PortalCookie = serde_json::from_str(&serde_json::to_string(&set).unwrap()).unwrap();
    assert_eq!(
        kept.expired(true).unwrap(),
        "wordpress_a=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; Partitioned"
    );
}

#[test]
fn a_cookie_is_expired_under_its_own_path_and_domain() {
    let expired = |cookie: PortalCookie, https| cookie.expired(https).unwrap();
    assert_eq!(
        expired(cookie("a", "/x", None), false),
        "a=; Path=/x; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    );
    assert_eq!(
        expired(cookie("a", "/", Some("example.com")), true),
        "a=; Path=/; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure"
    );
}

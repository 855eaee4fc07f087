//! The fuzz target of the headers in which proxies name the client.

#![expect(clippy::unwrap_used, reason = "a property that fails stops the fuzzer")]

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::LazyLock;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::authorization;
use super::trusted_proxies::{TrustedProxies, X_FORWARDED_FOR};
use crate::config::Settings;
use crate::web::peer::Peer;

/// The value of an `Authorization` header: [`authorization::check`].
pub fn authorization(data: &[u8]) {
    authorization::check(data);
}

/// A trusted proxy, and the client that it names.
const PROXY: &str = "10.0.0.1";
const CLIENT: &str = "2001:db8::7";

/// The fields of a request, one a line.
///
/// - From a peer that is not trusted, none of them is believed.
/// - What a trusted proxy appends is believed, whatever the client sent before it.
pub fn forwarded_headers(data: &[u8]) {
    static PROXIES: LazyLock<[TrustedProxies; 2]> =
        LazyLock::new(|| ["x-forwarded", "forwarded"].map(proxies));
    let [by_x_forwarded, by_forwarded] = &*PROXIES;
    let proxy = Peer::from(PROXY.parse::<IpAddr>().unwrap());
    let headers = fields(data);
    for proxies in [by_x_forwarded, by_forwarded] {
        for stranger in [Peer::Address([192, 0, 2, 1].into()), Peer::Unix] {
            assert_eq!(proxies.client(&headers, stranger), stranger.address());
            assert!(matches!(proxies.host(&headers, stranger), Ok(None)));
            assert_eq!(proxies.https(&headers, stranger), None);
            assert_eq!(proxies.chain(&headers, stranger), None);
        }
        // From a trusted proxy, any fields are read without a panic.
        let _ = proxies.client(&headers, proxy);
        let _ = proxies.host(&headers, proxy);
        let _ = proxies.https(&headers, proxy);
    }

    let client = CLIENT.parse::<IpAddr>().unwrap();
    for same_line in [true, false] {
        let headers = appended(&headers, &X_FORWARDED_FOR, CLIENT, same_line);
        assert_eq!(by_x_forwarded.client(&headers, proxy), client);
        let chain = by_x_forwarded.chain(&headers, proxy).unwrap();
        assert!(chain.ends_with(CLIENT.as_bytes()));

        for element in [
            format!("for=\"[{CLIENT}]:123\";host=\"h.example\";proto=https"),
            format!("proto=https;for=\"[{CLIENT}]\";by=10.0.0.1;host=h.example"),
        ] {
            let headers = appended(&headers, &header::FORWARDED, &element, same_line);
            assert_eq!(by_forwarded.client(&headers, proxy), client);
            assert!(matches!(by_forwarded.host(&headers, proxy), Ok(Some(b"h.example"))));
            assert_eq!(by_forwarded.https(&headers, proxy), Some(true));
        }
    }
}

fn proxies(header: &str) -> TrustedProxies {
    let text = format!(
        "server.public_url = \"https://portal.example\"\n\
         server.trusted_proxies = [\"10.0.0.0/8\"]\n\
         server.forwarded_header = \"{header}\"\nupstream.servers = [\"http://127.0.0.1:1\"]\n"
    );
    let settings = Settings::parse(&text, Path::new("fuzzing"), &HashMap::new()).unwrap();
    TrustedProxies::new(&settings.server)
}

fn fields(data: &[u8]) -> HeaderMap {
    let field = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
        Some((
            HeaderName::from_bytes(name).ok()?,
            HeaderValue::from_bytes(value.trim_ascii()).ok()?,
        ))
    };
    data.split(|byte| *byte == b'\n').filter_map(field).collect()
}

/// The fields with an element behind the last one of the name, or on a line of its own.
fn appended(headers: &HeaderMap, name: &HeaderName, element: &str, same_line: bool) -> HeaderMap {
    let mut lines: Vec<Vec<u8>> =
        headers.get_all(name).iter().map(|line| line.as_bytes().to_vec()).collect();
    match lines.last_mut().filter(|_| same_line) {
        Some(line) => line.extend_from_slice(format!(", {element}").as_bytes()),
        None => lines.push(element.as_bytes().to_vec()),
    }
    let mut headers = headers.clone();
    headers.remove(name);
    for line in lines {
        headers.append(name, HeaderValue::from_bytes(&line).unwrap());
    }
    headers
}

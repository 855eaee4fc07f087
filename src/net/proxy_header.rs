//! The header of the PROXY protocol, versions 1 and 2 (HAProxy, `proxy-protocol.txt`): before the
//! first byte of a connection, a load balancer sends the address of the client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a header of version 1 begins with.
const WORD: &[u8] = b"PROXY ";
/// What a header of version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest header of version 1, with its end of line.
const LONGEST_LINE: usize = 107;
/// Signature, version, family and length of version 2.
const START: usize = 16;
/// The longest rest of a header of version 2.
const LONGEST_REST: usize = 520;
/// The longest header of either version.
pub(super) const LONGEST: usize = START + LONGEST_REST;

/// The header that a connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProxyHeader {
    /// Its length in bytes, at most [`LONGEST`].
    pub(super) length: usize,
    /// The address of the client. `None` if the balancer names none, because the connection is its
    /// own (`LOCAL`, `UNKNOWN`).
    pub(super) client: Option<IpAddr>,
}

/// A header that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    /// It does not begin like a header.
    #[error("it does not begin with a header of the PROXY protocol")]
    Missing,
    /// It is longer than is allowed.
    #[error("the header is too long")]
    TooLong,
    /// It is not what its version requires.
    #[error("the header is not valid")]
    Invalid,
}

/// Reads the header from the first bytes of a connection. `None` as long as more of them are needed,
/// which are fewer than [`LONGEST`]. More bytes never change the result.
///
/// # Errors
/// When there is no header, or it is not valid.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<ProxyHeader>, HeaderError> {
    if bytes.starts_with(SIGNATURE) {
        return binary(bytes);
    }
    if bytes.starts_with(WORD) {
        return line(bytes);
    }
    match SIGNATURE.starts_with(bytes) || WORD.starts_with(bytes) {
        true => Ok(None),
        false => Err(HeaderError::Missing),
    }
}

fn line(bytes: &[u8]) -> Result<Option<ProxyHeader>, HeaderError> {
    let within = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < LONGEST_LINE { Ok(None) } else { Err(HeaderError::TooLong) };
    };
    let line = within.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let client = line.and_then(source_of_line).ok_or(HeaderError::Invalid)?;
    Ok(Some(ProxyHeader { length: end + 1, client }))
}

/// The client of a line of version 1 without its end. The outer `None` is a line that is not valid.
#[expect(clippy::option_option, reason = "a valid line may name no client")]
fn source_of_line(line: &[u8]) -> Option<Option<IpAddr>> {
    let line = std::str::from_utf8(line).ok()?;
    let mut parts = line.strip_prefix("PROXY ")?.split(' ');
    let family = parts.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let [source, destination, source_port, destination_port] =
        std::array::from_fn(|_| parts.next());
    if parts.next().is_some() || ![source_port?, destination_port?].into_iter().all(is_port) {
        return None;
    }
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(|ip| IpAddr::V6(ip).to_canonical()),
            _ => None,
        }
    };
    address(destination?)?;
    Some(Some(address(source?)?))
}

/// Whether a text is a port in decimal digits without leading zeros.
fn is_port(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0')) && text.parse::<u16>().is_ok()
}

fn binary(bytes: &[u8]) -> Result<Option<ProxyHeader>, HeaderError> {
    let Some(&[.., command, family, high, low]) = bytes.first_chunk::<START>() else {
        return Ok(None);
    };
    let rest = usize::from(u16::from_be_bytes([high, low]));
    if rest > LONGEST_REST {
        return Err(HeaderError::TooLong);
    }
    let length = START + rest;
    let Some(rest) = bytes.get(START..length) else { return Ok(None) };
    let client = source_of_binary(command, family, rest).ok_or(HeaderError::Invalid)?;
    Ok(Some(ProxyHeader { length, client }))
}

/// The client of a header of version 2; `rest` are its addresses and what follows them, which is not
/// read. The outer `None` is a header that is not valid.
#[expect(clippy::option_option, reason = "a valid header may name no client")]
fn source_of_binary(command: u8, family: u8, rest: &[u8]) -> Option<Option<IpAddr>> {
    match (command, family) {
        // LOCAL: the balancer's own, such as a health check.
        (0x20, _) => Some(None),
        // PROXY, of TCP over IPv4 and over IPv6.
        (0x21, 0x11) => {
            let (source, _) = rest.get(..12)?.split_first_chunk::<4>()?;
            Some(Some(Ipv4Addr::from(*source).into()))
        }
        (0x21, 0x21) => {
            let (source, _) = rest.get(..36)?.split_first_chunk::<16>()?;
            Some(Some(IpAddr::from(*source).to_canonical()))
        }
        // The client has no address of a known kind.
        (0x21, 0x00) => Some(None),
        (_, _) => None,
    }
}

/// The first bytes of a connection, for fuzzing.
///
/// - A header is as long as its version allows, and ends where it says.
/// - A reader that gets the bytes in pieces finds the same header, and fails at the same error.
/// - More bytes are asked for only while there are fewer than the longest header has.
#[cfg(any(test, feature = "fuzzing"))]
#[expect(clippy::panic, reason = "a property that fails stops the fuzzer")]
pub(crate) fn check(data: &[u8]) {
    let whole = parse(data);
    match whole {
        Ok(Some(ProxyHeader { length, .. })) => {
            assert!(length <= data.len() && length <= LONGEST, "{length} bytes");
            let (header, _) = data.split_at(length);
            if header.starts_with(WORD) {
                assert!(length <= LONGEST_LINE && header.ends_with(b"\r\n"));
                assert_eq!(header.iter().filter(|byte| **byte == b'\n').count(), 1);
            } else {
                assert!(length >= START && header.starts_with(SIGNATURE));
            }
        }
        Ok(None) => assert!(data.len() < LONGEST, "{} bytes are not enough", data.len()),
        Err(_) => {}
    }
    let decided = (0..=data.len()).find_map(|end| match parse(data.split_at(end).0) {
        Ok(None) => None,
        decided => Some((end, decided)),
    });
    match decided {
        Some((end, decided)) => {
            assert_eq!(decided, whole, "more bytes change the result");
            if let Ok(Some(header)) = decided {
                assert_eq!(header.length, end, "bytes after the header are waited for");
            }
        }
        None if whole == Ok(None) => {}
        None => panic!("{whole:?} of all bytes, and nothing of fewer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    fn four() -> Vec<u8> {
        [&[192, 0, 2, 7, 10, 0, 0, 1][..], &[200, 1, 1, 187]].concat()
    }

    fn six(source: &str) -> Vec<u8> {
        let source: Ipv6Addr = source.parse().unwrap();
        [&source.octets()[..], &Ipv6Addr::LOCALHOST.octets(), &[200, 1, 1, 187]].concat()
    }

    #[test]
    fn client_is_the_source_of_the_header() {
        let long = [four(), vec![4; LONGEST_REST - 12]].concat();
        for (header, expected) in [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51234 443\r\n".to_vec(), Some("192.0.2.7")),
            (b"PROXY TCP6 2001:db8::7 ::1 51234 443\r\n".to_vec(), Some("2001:db8::7")),
            (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 0 65535\r\n".to_vec(), Some("192.0.2.7")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff:f... anything 1 2\r\n".to_vec(), None),
            (bytes(0x21, 0x11, &four()), Some("192.0.2.7")),
            (bytes(0x21, 0x11, &long), Some("192.0.2.7")),
            (bytes(0x21, 0x21, &six("2001:db8::7")), Some("2001:db8::7")),
            (bytes(0x21, 0x21, &six("::ffff:192.0.2.7")), Some("192.0.2.7")),
            (bytes(0x20, 0x11, &four()), None),
            (bytes(0x20, 0x00, b""), None),
            (bytes(0x21, 0x00, b""), None),
        ] {
            let client = expected.map(|text| text.parse().unwrap());
            let expected = Ok(Some(ProxyHeader { length: header.len(), client }));
            assert_eq!(parse(&header), expected, "{header:?}");
            let whole = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(parse(&whole), expected, "{header:?}");
            for end in 0..header.len() {
                assert_eq!(parse(&header[..end]), Ok(None), "{end} bytes of {header:?}");
            }
            check(&whole);
        }
    }

    #[test]
    fn wrong_headers_are_refused() {
        let line =
            |length: usize| [&b"PROXY UNKNOWN "[..], &vec![b'a'; length - 16], b"\r\n"].concat();
        let (longest, too_long) = (line(LONGEST_LINE), line(LONGEST_LINE + 1));
        assert_eq!(parse(&longest).unwrap().unwrap().length, LONGEST_LINE);
        for (header, expected) in [
            (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(), HeaderError::Missing),
            (b"G".to_vec(), HeaderError::Missing),
            (b"proxy TCP4".to_vec(), HeaderError::Missing),
            (
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdefgh".to_vec(),
                HeaderError::Missing,
            ),
            (too_long, HeaderError::TooLong),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51234 443\n".to_vec(), HeaderError::Invalid),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51234\r\n".to_vec(), HeaderError::Invalid),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51234 443 \r\n".to_vec(), HeaderError::Invalid),
            (b"PROXY TCP4 192.0.2.7  10.0.0.1 51234 443\r\n".to_vec(), HeaderError::Invalid),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51234 65536\r\n".to_vec(), HeaderError::Invalid),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 +1 443\r\n".to_vec(), HeaderError::Invalid),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 01 443\r\n".to_vec(), HeaderError::Invalid),
            (b"PROXY TCP4 2001:db8::7 ::1 51234 443\r\n".to_vec(), HeaderError::Invalid),
            (b"PROXY TCP6 192.0.2.7 10.0.0.1 1 443\r\n".to_vec(), HeaderError::Invalid),
            (b"PROXY TCP5 192.0.2.7 10.0.0.1 1 443\r\n".to_vec(), HeaderError::Invalid),
            (b"PROXY TCP4 192.0.2.\xff 10.0.0.1 1 443\r\n".to_vec(), HeaderError::Invalid),
            (bytes(0x21, 0x11, &four()[..11]), HeaderError::Invalid),
            (bytes(0x21, 0x21, &six("::1")[..35]), HeaderError::Invalid),
            (bytes(0x11, 0x11, &four()), HeaderError::Invalid),
            (bytes(0x22, 0x11, &four()), HeaderError::Invalid),
            (bytes(0x21, 0x12, &four()), HeaderError::Invalid),
            (bytes(0x21, 0x31, &[0; 216]), HeaderError::Invalid),
            (bytes(0x21, 0x11, &[0; LONGEST_REST + 1]), HeaderError::TooLong),
        ] {
            assert_eq!(parse(&header), Err(expected), "{header:?}");
            check(&header);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            version in 0..3_u8,
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600),
        ) {
            let start = match version {
                0 => &b""[..],
                1 => b"PROXY TCP4 ",
                _ => SIGNATURE,
            };
            check(&[start, &bytes].concat());
        }
    }
}

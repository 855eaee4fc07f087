//! The PROXY protocol, versions 1 and 2 (HAProxy, `proxy-protocol.txt`): before the first byte of a
//! connection, a load balancer sends the address of the client.
//!
//! Not one byte beyond the header is read, so that the socket can be used for what follows.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// What a header of version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest header of version 1, with its end of line.
const LONGEST_LINE: usize = 107;
/// The shortest header of version 1, `PROXY UNKNOWN`, with its end of line. Signature, version,
/// family and length of version 2 are one byte longer.
const SHORTEST: usize = 15;
/// The longest rest of a header of version 2: with the first 16 bytes, 536 in all.
const LONGEST_REST: usize = 520;

/// A header that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeaderError {
    /// The connection ended, or failed.
    #[error("the connection ended within the header: {0}")]
    Connection(#[from] io::Error),
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

/// Reads the header, which must come first. Returns the address of the client; `None` if the balancer
/// names none, because the connection is its own (`LOCAL`, `UNKNOWN`). It has no timeout.
///
/// # Errors
/// When there is no header, or it is not valid.
pub(super) async fn read_header(stream: &mut TcpStream) -> Result<Option<IpAddr>, HeaderError> {
    let mut start = [0; SHORTEST];
    let (first, rest) = start.split_at_mut(SIGNATURE.len());
    stream.read_exact(first).await?;
    if *first == SIGNATURE {
        stream.read_exact(rest).await?;
        return version_2(stream, start).await;
    }
    if !first.starts_with(b"PROXY ") {
        return Err(HeaderError::Missing);
    }
    stream.read_exact(rest).await?;
    version_1(stream, start).await
}

async fn version_1(
    stream: &mut TcpStream,
    start: [u8; SHORTEST],
) -> Result<Option<IpAddr>, HeaderError> {
    let mut line = start.to_vec();
    while !line.contains(&b'\n') {
        let mut next = [0; LONGEST_LINE];
        let room = next.get_mut(line.len()..).unwrap_or_default();
        if room.is_empty() {
            return Err(HeaderError::TooLong);
        }
        let seen = stream.peek(room).await?;
        let seen = room.get_mut(..seen).unwrap_or_default();
        if seen.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let length = seen.iter().position(|byte| *byte == b'\n').map_or(seen.len(), |end| end + 1);
        let taken = seen.get_mut(..length).unwrap_or_default();
        stream.read_exact(taken).await?;
        line.extend_from_slice(taken);
    }
    let line = line.strip_suffix(b"\r\n").ok_or(HeaderError::Invalid)?;
    source_of_line(line).ok_or(HeaderError::Invalid)
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

async fn version_2(
    stream: &mut TcpStream,
    start: [u8; SHORTEST],
) -> Result<Option<IpAddr>, HeaderError> {
    let [.., command, family, high] = start;
    let length = usize::from(u16::from_be_bytes([high, stream.read_u8().await?]));
    if length > LONGEST_REST {
        return Err(HeaderError::TooLong);
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    source_of_binary(command, family, &rest).ok_or(HeaderError::Invalid)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// What is read of these pieces, and what is left for the next reader.
    async fn read(pieces: &[&[u8]]) -> (Result<Option<IpAddr>, String>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        sender.set_nodelay(true).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let sending = async {
            for piece in pieces {
                // The reader may have given up.
                let _ = sender.write_all(piece).await;
                tokio::task::yield_now().await;
            }
            let _ = sender.shutdown().await;
        };
        let reading = async {
            let found = read_header(&mut stream).await.map_err(|error| error.to_string());
            let mut left = Vec::new();
            let _ = stream.read_to_end(&mut left).await;
            (found, left)
        };
        let both = async { tokio::join!(sending, reading).1 };
        tokio::time::timeout(Duration::from_secs(10), both).await.unwrap()
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    fn four() -> Vec<u8> {
        [&[192, 0, 2, 7, 10, 0, 0, 1][..], &[200, 1, 1, 187]].concat()
    }

    fn six(source: &str) -> Vec<u8> {
        let source: Ipv6Addr = source.parse().unwrap();
        [&source.octets()[..], &Ipv6Addr::LOCALHOST.octets(), &[200, 1, 1, 187]].concat()
    }

    #[tokio::test]
    async fn client_is_the_source_of_the_header() {
        let long = [four(), vec![4; LONGEST_REST - 12]].concat();
        for (header, expected) in [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51234 443\r\n".to_vec(), Some("192.0.2.7")),
            (b"PROXY TCP6 2001:db8::7 ::1 51234 443\r\n".to_vec(), Some("2001:db8::7")),
            (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 0 65535\r\n".to_vec(), Some("192.0.2.7")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff:f... anything 1 2\r\n".to_vec(), None),
            (binary(0x21, 0x11, &four()), Some("192.0.2.7")),
            (binary(0x21, 0x11, &long), Some("192.0.2.7")),
            (binary(0x21, 0x21, &six("2001:db8::7")), Some("2001:db8::7")),
            (binary(0x21, 0x21, &six("::ffff:192.0.2.7")), Some("192.0.2.7")),
            (binary(0x20, 0x11, &four()), None),
            (binary(0x20, 0x00, b""), None),
            (binary(0x21, 0x00, b""), None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            let body = b"GET / HTTP/1.1\r\n";
            let whole = [&header[..], body].concat();
            let bytes: Vec<_> = whole.chunks(1).collect();
            for pieces in [&[&whole[..]][..], &[&header, body], &bytes] {
                let (found, left) = read(pieces).await;
                assert_eq!(found, Ok(expected), "{header:?}");
                assert_eq!(left, body, "{header:?}");
            }
        }
    }

    #[tokio::test]
    async fn wrong_headers_are_refused() {
        let invalid = "the header is not valid";
        let line =
            |length: usize| [&b"PROXY UNKNOWN "[..], &vec![b'a'; length - 16], b"\r\n"].concat();
        let (longest, too_long) = (line(LONGEST_LINE), line(LONGEST_LINE + 1));
        assert_eq!(read(&[&longest]).await.0, Ok(None));
        for (header, expected) in [
            (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(), "does not begin"),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdefgh".to_vec(), "does not begin"),
            (b"PROXY TCP4 192".to_vec(), "ended"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51".to_vec(), "ended"),
            (b"".to_vec(), "ended"),
            (too_long, "too long"),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51234 443\n".to_vec(), invalid),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51234\r\n".to_vec(), invalid),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51234 443 \r\n".to_vec(), invalid),
            (b"PROXY TCP4 192.0.2.7  10.0.0.1 51234 443\r\n".to_vec(), invalid),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51234 65536\r\n".to_vec(), invalid),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 +1 443\r\n".to_vec(), invalid),
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 01 443\r\n".to_vec(), invalid),
            (b"PROXY TCP4 2001:db8::7 ::1 51234 443\r\n".to_vec(), invalid),
            (b"PROXY TCP6 192.0.2.7 10.0.0.1 1 443\r\n".to_vec(), invalid),
            (b"PROXY TCP5 192.0.2.7 10.0.0.1 1 443\r\n".to_vec(), invalid),
            (b"PROXY TCP4 192.0.2.\xff 10.0.0.1 1 443\r\n".to_vec(), invalid),
            (binary(0x21, 0x11, &four()[..11]), invalid),
            (binary(0x21, 0x21, &six("::1")[..35]), invalid),
            (binary(0x11, 0x11, &four()), invalid),
            (binary(0x22, 0x11, &four()), invalid),
            (binary(0x21, 0x12, &four()), invalid),
            (binary(0x21, 0x31, &[0; 216]), invalid),
            (binary(0x21, 0x11, &[0; LONGEST_REST + 1]), "too long"),
            (binary(0x21, 0x11, &four())[..20].to_vec(), "ended"),
        ] {
            let error = read(&[&header]).await.0.unwrap_err();
            assert!(error.contains(expected), "{header:?}: {error}");
        }
    }

    proptest::proptest! {
        /// No header takes more than its own bytes, and none makes the reader panic.
        #[test]
        fn any_bytes_are_read_or_refused(
            version in 0..3_u8,
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600),
        ) {
            let start: &[u8] = match version {
                0 => b"",
                1 => b"PROXY TCP4 ",
                _ => b"\r\n\r\n\0\r\nQUIT\n",
            };
            let sent = [start, &bytes].concat();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let (found, left) = runtime.unwrap().block_on(read(&[&sent]));
            let length = sent.len() - left.len();
            proptest::prop_assert!(sent.ends_with(&left));
            proptest::prop_assert!(length <= LONGEST_REST + 16, "{length} bytes of a header");
            if let (Ok(_), 1) = (found, version) {
                proptest::prop_assert!(sent[..length].ends_with(b"\r\n"));
            }
        }
    }
}

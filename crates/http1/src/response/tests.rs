use http::Method;
use proptest::prelude::*;

use super::*;
use crate::fuzzing::by_hyper;

/// Reads a complete response.
fn read(bytes: &str) -> Result<Option<ResponseHead>, Error> {
    ResponseHead::read(&mut BytesMut::from(bytes), false, &mut { MAX_HEAD })
}

fn whole(bytes: &str) -> ResponseHead {
    read(bytes).unwrap().unwrap()
}

/// Reads a response and the end of the connection: head, body, and the number of bytes after it.
fn all(bytes: &[u8], is_head: bool) -> Result<(ResponseHead, Vec<u8>, usize), Error> {
    let mut read = BytesMut::from(bytes);
    let mut response =
        ResponseHead::read(&mut read, is_head, &mut { MAX_HEAD })?.ok_or(Error::Incomplete)?;
    let mut body = Vec::new();
    loop {
        match response.body.next(&mut read)? {
            Decoded::Data(data) => body.extend_from_slice(&data),
            Decoded::Trailers(_) => {}
            Decoded::End => return Ok((response, body, read.len())),
            Decoded::Incomplete if response.body == BodyDecoder::UntilClose => {
                return Ok((response, body, 0));
            }
            Decoded::Incomplete => return Err(Error::Incomplete),
        }
    }
}

#[test]
fn the_head_determines_the_length_of_the_body() {
    for (fields, body, reusable) in [
        ("content-length: 5", BodyDecoder::Length(5), true),
        ("Content-Length:\t5 ", BodyDecoder::Length(5), true),
        ("content-length: 0", BodyDecoder::Done, true),
        ("content-length: 5\r\ncontent-length: 5", BodyDecoder::Length(5), true),
        ("content-length: 5\r\ncontent-length: 05", BodyDecoder::Length(5), true),
        ("transfer-encoding: chunked", BodyDecoder::Chunked(ChunkedDecoder::Size), true),
        ("transfer-encoding: Chunked", BodyDecoder::Chunked(ChunkedDecoder::Size), true),
        (
            "transfer-encoding: chunked\r\ncontent-length: 5",
            BodyDecoder::Chunked(ChunkedDecoder::Size),
            false,
        ),
        (
            "content-length: 5\r\ntransfer-encoding: chunked",
            BodyDecoder::Chunked(ChunkedDecoder::Size),
            false,
        ),
        ("server: old", BodyDecoder::UntilClose, false),
        ("connection: keep-alive", BodyDecoder::UntilClose, false),
    ] {
        let response = whole(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n"));
        assert_eq!((response.body, response.reusable), (body, reusable), "{fields}");
        let fields = response.head.headers();
        assert!(!fields.contains_key(header::TRANSFER_ENCODING));
        let lengths = fields.get_all(header::CONTENT_LENGTH).iter().count();
        assert_eq!(
            lengths,
            usize::from(
                matches!(body, BodyDecoder::Length(_)) || response.body == BodyDecoder::Done
            )
        );
    }
}

#[test]
fn an_ambiguous_length_is_refused() {
    for fields in [
        "content-length: -1",
        "content-length: +5",
        "content-length: 5, 5",
        "content-length: 5,",
        "content-length: 0x5",
        "content-length: 5 5",
        "content-length:",
        "content-length: 99999999999999999999",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5\r\ncontent-length: x",
        "transfer-encoding: gzip",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: xchunked",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding:",
        "transfer-encoding: identity\r\ncontent-length: 5",
    ] {
        for status in ["200 OK", "204 No Content", "304 Not Modified"] {
            let response = read(&format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\n"));
            assert!(matches!(response, Err(Error::Malformed(_))), "{fields}: {response:?}");
        }
    }
    let chunks = "transfer-encoding: chunked";
    assert!(read(&format!("HTTP/1.1 200 OK\r\n{chunks}\r\n\r\n")).is_ok());
    assert!(read(&format!("HTTP/1.0 200 OK\r\n{chunks}\r\n\r\n")).is_err(), "1.0 has no chunks");
}

#[test]
fn an_announced_body_that_must_not_come_ends_reuse() {
    let (length, chunks) = ("content-length: 5\r\n", "transfer-encoding: chunked\r\n");
    let zero = "content-length: 0\r\n";
    for (status, is_head, fields, body, reusable) in [
        ("200 OK", false, length, BodyDecoder::Length(5), true),
        ("205 Reset Content", false, length, BodyDecoder::Length(5), true),
        ("200 OK", true, zero, BodyDecoder::Done, true),
        ("200 OK", true, length, BodyDecoder::Done, false),
        ("404 Not Found", true, chunks, BodyDecoder::Done, false),
        ("200 OK", true, "", BodyDecoder::Done, false),
        ("204 No Content", false, "", BodyDecoder::Done, true),
        ("204 No Content", false, zero, BodyDecoder::Done, true),
        ("204 No Content", false, length, BodyDecoder::Done, false),
        ("204 No Content", false, chunks, BodyDecoder::Done, false),
        ("304 Not Modified", false, "", BodyDecoder::Done, true),
        ("304 Not Modified", false, length, BodyDecoder::Done, true),
        ("101 Switching Protocols", false, length, BodyDecoder::Done, false),
    ] {
        let bytes = format!("HTTP/1.1 {status}\r\n{fields}\r\n");
        let mut read = BytesMut::from(bytes.as_str());
        let response = ResponseHead::read(&mut read, is_head, &mut { MAX_HEAD }).unwrap().unwrap();
        assert_eq!(
            (response.body, response.reusable),
            (body, reusable),
            "{status}, {is_head}: {fields}"
        );
        let has_length = response.head.headers().contains_key(header::CONTENT_LENGTH);
        let may_have = !status.starts_with("204") && !status.starts_with("101");
        assert_eq!(
            has_length,
            may_have && fields.starts_with("content-length"),
            "{status}: {fields}"
        );
    }
}

#[test]
fn only_a_101_keeps_upgrade() {
    let upgrade = "upgrade: websocket\r\nconnection: upgrade\r\n";
    for (status, kept) in [("101 Switching Protocols", true), ("200 OK", false)] {
        let response = whole(&format!("HTTP/1.1 {status}\r\n{upgrade}\r\n"));
        assert_eq!(response.head.headers().contains_key(header::UPGRADE), kept, "{status}");
        assert!(!response.head.headers().contains_key(header::CONNECTION));
    }
}

#[test]
fn the_server_decides_whether_the_connection_is_kept() {
    for (version, connection, reusable) in [
        ("1.1", "", true),
        ("1.1", "connection: keep-alive\r\n", true),
        ("1.1", "connection: Close\r\n", false),
        ("1.1", "connection: x-a, close\r\n", false),
        ("1.1", "connection: close\r\nconnection: keep-alive\r\n", false),
        ("1.0", "", false),
        ("1.0", "connection: keep-alive\r\n", true),
        ("1.0", "connection: keep-alive, close\r\n", false),
    ] {
        let head = format!("HTTP/{version} 200 OK\r\n{connection}content-length: 0\r\n\r\n");
        assert_eq!(whole(&head).reusable, reusable, "{head}");
    }
    assert!(!whole("HTTP/1.1 101 Switching Protocols\r\n\r\n").reusable);
}

#[test]
fn hop_by_hop_headers_are_removed() {
    let response = whole(
        "HTTP/1.1 200 OK\r\nConnection: X-Hop, content-type, keep-alive, x y\r\nX-Hop: 1\r\n\
         Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTE: trailers\r\n\
         Content-Type: text/plain\r\nContent-Length: 0\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n",
    );
    let mut names: Vec<_> = response.head.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type", "set-cookie"]);
    let cookies: Vec<_> = response.head.headers().get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

#[test]
fn interim_responses_are_discarded() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    assert_eq!(whole(&format!("{hints}{response}")).head.status(), 200);
    let mut read = BytesMut::from(hints);
    assert!(ResponseHead::read(&mut read, false, &mut { MAX_HEAD }).unwrap().is_none());
    assert!(read.is_empty(), "they are not read twice");
    let switched = whole(&format!("{hints}HTTP/1.1 101 Switching Protocols\r\n\r\n"));
    assert_eq!(switched.head.status(), 101);
}

#[test]
fn a_head_is_read_once_it_is_complete() {
    let bytes = b"HTTP/1.1 404 Not here\r\ncontent-length: 2\r\nserver: a\r\n\r\n";
    for length in 0..bytes.len() {
        let mut read = BytesMut::from(bytes.get(..length).unwrap());
        assert!(
            ResponseHead::read(&mut read, false, &mut { MAX_HEAD }).unwrap().is_none(),
            "{length}"
        );
        assert_eq!(read.len(), length);
    }
    let (response, body, left) = all(&[bytes, &b"ok"[..], b"more"].concat(), false).unwrap();
    assert_eq!((response.head.status().as_u16(), body.as_slice(), left), (404, &b"ok"[..], 4));
    let reason = response.head.extensions().get::<ReasonPhrase>().unwrap();
    assert_eq!(reason.as_bytes(), b"Not here");
    let usual = whole("HTTP/1.1 404 Not Found\r\n\r\n");
    assert!(usual.head.extensions().get::<ReasonPhrase>().is_none());
}

#[test]
fn empty_lines_before_a_response_are_ignored() {
    for lines in ["\r\n", "\r\n\r\n"] {
        assert_eq!(whole(&format!("{lines}HTTP/1.1 204 No Content\r\n\r\n")).head.status(), 204);
    }
    assert!(read("\r").unwrap().is_none());
    assert!(read(&"\r\n".repeat(MAX_HEAD)).is_err());
}

#[test]
fn lines_of_a_head_may_end_without_cr() {
    let (response, body, _) = all(b"HTTP/1.0 200 OK\ncontent-length: 2\n\nok", false).unwrap();
    assert_eq!((response.body, body.as_slice()), (BodyDecoder::Done, &b"ok"[..]));
}

#[test]
fn an_invalid_response_is_refused_at_once() {
    for bytes in [
        "h",
        "HTTQ",
        "\r\r",
        "\n",
        "\x16\x03\x01",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 000 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad field\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname: \x01\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: a\r\n\r\n",
        "HTTP/1.1 200 OK\rname: a\r\n\r\n",
    ] {
        let response = read(bytes);
        assert!(
            matches!(response, Err(Error::Malformed(_) | Error::Head(_) | Error::Field { .. })),
            "{bytes:?}: {response:?}"
        );
    }
}

#[test]
fn a_head_is_bounded_in_bytes_not_in_fields() {
    let many = |count| format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: 1\r\n".repeat(count));
    for count in [MAX_FIELDS, MAX_FIELDS + 1, 5000] {
        assert_eq!(whole(&many(count)).head.headers().len(), count);
    }
    assert!(matches!(read(&many(20_000)), Err(Error::Malformed(_))), "too many bytes");
}

#[test]
fn a_repaired_head_determines_the_framing() {
    let odd = "HTTP/1.1  200 OK\r\nx[0]: a\r\ny: b\r\n c\r\ncontent-length: 2\r\n\r\n";
    let (response, body, left) = all(format!("{odd}ok").as_bytes(), false).unwrap();
    assert_eq!((body.as_slice(), left, response.reusable), (&b"ok"[..], 0, true));
    assert_eq!(response.head.headers()["y"], "b c");
    assert_eq!(response.head.headers().len(), 2);
}

/// Responses with fields from a list, and bodies that fit them or do not.
fn responses() -> impl Strategy<Value = Vec<u8>> {
    let fields = prop::sample::subsequence(
        vec![
            "content-length: 5\r\n",
            "content-length: 0\r\n",
            "Content-Length: 5\r\n",
            "content-length: 5, 5\r\n",
            "transfer-encoding: chunked\r\n",
            "Transfer-Encoding: Chunked\r\n",
            "transfer-encoding: gzip\r\n",
            "connection: close\r\n",
            "x: y\r\n",
            "x: y\n",
        ],
        0..4,
    );
    let status = prop::sample::select(vec![
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 204 No Content\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
    ]);
    let body = prop::collection::vec(
        prop::sample::select(vec![
            "5\r\nhello\r\n",
            "5;a=b\r\nhello\r\n",
            "0\r\n\r\n",
            "hello",
            "5\r\n",
            "05\r\n",
            "5;a=b\r\n",
            "5 \r\n",
            "5\n",
            "\r\n",
            "0\r\n",
            "x: y\r\n",
            "z",
            "",
        ]),
        0..8,
    );
    (status, fields, body).prop_map(|(status, fields, body)| {
        [status, &fields.concat(), "\r\n", &body.concat()].concat().into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_response_is_read_as_hyper_reads_it(bytes in responses()) {
        if let Ok((response, body, _)) = all(&bytes, false) {
            let (ours, theirs) = ((response.head.status(), body), by_hyper::read(&bytes, &Method::GET));
            prop_assert_eq!(Some(ours), theirs.ok(), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn a_response_is_the_same_in_any_pieces(bytes in responses(), cuts in prop::collection::vec(0..200_usize, 0..6)) {
        let expected = all(&bytes, false).map(|(response, body, _)| (response.head.status(), body));
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let (mut read, mut from, mut response, mut body) = (BytesMut::new(), 0, None, Vec::new());
        let mut failed = false;
        'pieces: for cut in cuts {
            read.extend_from_slice(&bytes[from..cut]);
            from = cut;
            loop {
                let piece = match &mut response {
                    None => match ResponseHead::read(&mut read, false, &mut { MAX_HEAD }) {
                        Ok(Some(head)) => {
                            response = Some(head);
                            continue;
                        }
                        Ok(None) => Ok(Decoded::Incomplete),
                        Err(error) => Err(error),
                    },
                    Some(response) => response.body.next(&mut read),
                };
                match piece {
                    Ok(Decoded::Data(data)) => body.extend_from_slice(&data),
                    Ok(Decoded::Trailers(_)) => {}
                    Ok(Decoded::End) => break 'pieces,
                    Ok(Decoded::Incomplete) => break,
                    Err(_) => {
                        failed = true;
                        break 'pieces;
                    }
                }
            }
        }
        let ended = response.as_ref().is_some_and(|response| {
            matches!(response.body, BodyDecoder::Done | BodyDecoder::UntilClose)
        });
        match expected {
            Ok((status, expected)) => {
                prop_assert!(ended && !failed);
                prop_assert_eq!(response.map(|response| response.head.status()), Some(status));
                prop_assert_eq!(body, expected);
            }
            Err(_) => prop_assert!(failed || !ended),
        }
    }
}

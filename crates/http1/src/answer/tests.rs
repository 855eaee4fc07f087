use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Reads an answer that is there whole.
fn read(bytes: &str) -> Result<Option<Answer>, Failure> {
    Answer::read(&mut BytesMut::from(bytes), false, &mut { MOST_HEAD })
}

fn whole(bytes: &str) -> Answer {
    read(bytes).unwrap().unwrap()
}

/// All of an answer, its end of the connection included: head, body, and what is left.
fn all(bytes: &[u8], to_head: bool) -> Result<(Answer, Vec<u8>, usize), Failure> {
    let mut read = BytesMut::from(bytes);
    let mut answer = Answer::read(&mut read, to_head, &mut { MOST_HEAD })?.ok_or(Failure::Cut)?;
    let mut body = Vec::new();
    loop {
        match answer.body.next(&mut read)? {
            Piece::Data(data) => body.extend_from_slice(&data),
            Piece::Trailers(_) => {}
            Piece::End => return Ok((answer, body, read.len())),
            Piece::More if answer.body == Body::UntilClose => return Ok((answer, body, 0)),
            Piece::More => return Err(Failure::Cut),
        }
    }
}

#[test]
fn a_body_is_as_long_as_the_head_says() {
    for (fields, body, stays) in [
        ("content-length: 5", Body::Length(5), true),
        ("Content-Length:\t5 ", Body::Length(5), true),
        ("content-length: 0", Body::Over, true),
        ("content-length: 5\r\ncontent-length: 5", Body::Length(5), true),
        ("content-length: 5\r\ncontent-length: 05", Body::Length(5), true),
        ("transfer-encoding: chunked", Body::Chunks(Chunks::Size), true),
        ("transfer-encoding: Chunked", Body::Chunks(Chunks::Size), true),
        ("transfer-encoding: chunked\r\ncontent-length: 5", Body::Chunks(Chunks::Size), false),
        ("content-length: 5\r\ntransfer-encoding: chunked", Body::Chunks(Chunks::Size), false),
        ("server: old", Body::UntilClose, false),
        ("connection: keep-alive", Body::UntilClose, false),
    ] {
        let answer = whole(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n"));
        assert_eq!((answer.body, answer.stays), (body, stays), "{fields}");
        let fields = answer.head.headers();
        assert!(!fields.contains_key(header::TRANSFER_ENCODING));
        let lengths = fields.get_all(header::CONTENT_LENGTH).iter().count();
        assert_eq!(
            lengths,
            usize::from(matches!(body, Body::Length(_)) || answer.body == Body::Over)
        );
    }
}

#[test]
fn a_length_that_could_be_read_in_two_ways_is_not_read() {
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
            let answer = read(&format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\n"));
            assert!(matches!(answer, Err(Failure::Malformed(_))), "{fields}: {answer:?}");
        }
    }
    let chunks = "transfer-encoding: chunked";
    assert!(read(&format!("HTTP/1.1 200 OK\r\n{chunks}\r\n\r\n")).is_ok());
    assert!(read(&format!("HTTP/1.0 200 OK\r\n{chunks}\r\n\r\n")).is_err(), "1.0 has no chunks");
}

#[test]
fn some_answers_never_have_a_body_and_one_that_announces_it_leaves_a_doubt() {
    let (length, chunks) = ("content-length: 5\r\n", "transfer-encoding: chunked\r\n");
    let zero = "content-length: 0\r\n";
    for (status, to_head, fields, body, stays) in [
        ("200 OK", false, length, Body::Length(5), true),
        ("205 Reset Content", false, length, Body::Length(5), true),
        ("200 OK", true, zero, Body::Over, true),
        ("200 OK", true, length, Body::Over, false),
        ("404 Not Found", true, chunks, Body::Over, false),
        ("200 OK", true, "", Body::Over, false),
        ("204 No Content", false, "", Body::Over, true),
        ("204 No Content", false, zero, Body::Over, true),
        ("204 No Content", false, length, Body::Over, false),
        ("204 No Content", false, chunks, Body::Over, false),
        ("304 Not Modified", false, "", Body::Over, true),
        ("304 Not Modified", false, length, Body::Over, true),
        ("101 Switching Protocols", false, length, Body::Over, false),
    ] {
        let bytes = format!("HTTP/1.1 {status}\r\n{fields}\r\n");
        let mut read = BytesMut::from(bytes.as_str());
        let answer = Answer::read(&mut read, to_head, &mut { MOST_HEAD }).unwrap().unwrap();
        assert_eq!((answer.body, answer.stays), (body, stays), "{status}, {to_head}: {fields}");
        let told = answer.head.headers().contains_key(header::CONTENT_LENGTH);
        let may_tell = !status.starts_with("204") && !status.starts_with("101");
        assert_eq!(told, may_tell && fields.starts_with("content-length"), "{status}: {fields}");
    }
}

#[test]
fn only_a_101_says_what_it_upgrades_to() {
    let upgrade = "upgrade: websocket\r\nconnection: upgrade\r\n";
    for (status, told) in [("101 Switching Protocols", true), ("200 OK", false)] {
        let answer = whole(&format!("HTTP/1.1 {status}\r\n{upgrade}\r\n"));
        assert_eq!(answer.head.headers().contains_key(header::UPGRADE), told, "{status}");
        assert!(!answer.head.headers().contains_key(header::CONNECTION));
    }
}

#[test]
fn the_server_says_whether_the_connection_stays() {
    for (version, connection, stays) in [
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
        assert_eq!(whole(&head).stays, stays, "{head}");
    }
    assert!(!whole("HTTP/1.1 101 Switching Protocols\r\n\r\n").stays);
}

#[test]
fn what_is_for_this_connection_only_is_not_told() {
    let answer = whole(
        "HTTP/1.1 200 OK\r\nConnection: X-Hop, content-type, keep-alive, x y\r\nX-Hop: 1\r\n\
         Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTE: trailers\r\n\
         Content-Type: text/plain\r\nContent-Length: 0\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n",
    );
    let mut names: Vec<_> = answer.head.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type", "set-cookie"]);
    let cookies: Vec<_> = answer.head.headers().get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

#[test]
fn interim_answers_are_passed_over() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    assert_eq!(whole(&format!("{hints}{answer}")).head.status(), 200);
    let mut read = BytesMut::from(hints);
    assert!(Answer::read(&mut read, false, &mut { MOST_HEAD }).unwrap().is_none());
    assert!(read.is_empty(), "they are not read twice");
    let switched = whole(&format!("{hints}HTTP/1.1 101 Switching Protocols\r\n\r\n"));
    assert_eq!(switched.head.status(), 101);
}

#[test]
fn a_head_is_not_read_before_it_has_come_whole() {
    let bytes = b"HTTP/1.1 404 Not here\r\ncontent-length: 2\r\nserver: a\r\n\r\n";
    for length in 0..bytes.len() {
        let mut read = BytesMut::from(bytes.get(..length).unwrap());
        assert!(Answer::read(&mut read, false, &mut { MOST_HEAD }).unwrap().is_none(), "{length}");
        assert_eq!(read.len(), length);
    }
    let (answer, body, left) = all(&[bytes, &b"ok"[..], b"more"].concat(), false).unwrap();
    assert_eq!((answer.head.status().as_u16(), body.as_slice(), left), (404, &b"ok"[..], 4));
    let reason = answer.head.extensions().get::<ReasonPhrase>().unwrap();
    assert_eq!(reason.as_bytes(), b"Not here");
    let usual = whole("HTTP/1.1 404 Not Found\r\n\r\n");
    assert!(usual.head.extensions().get::<ReasonPhrase>().is_none());
}

#[test]
fn empty_lines_before_an_answer_are_passed_over() {
    for lines in ["\r\n", "\r\n\r\n"] {
        assert_eq!(whole(&format!("{lines}HTTP/1.1 204 No Content\r\n\r\n")).head.status(), 204);
    }
    assert!(read("\r").unwrap().is_none());
    assert!(read(&"\r\n".repeat(MOST_HEAD)).is_err());
}

#[test]
fn lines_may_end_without_cr_as_old_programs_write_them() {
    let (answer, body, _) = all(b"HTTP/1.0 200 OK\ncontent-length: 2\n\nok", false).unwrap();
    assert_eq!((answer.body, body.as_slice()), (Body::Over, &b"ok"[..]));
}

#[test]
fn what_is_no_answer_is_known_at_once() {
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
        let answer = read(bytes);
        assert!(
            matches!(answer, Err(Failure::Malformed(_) | Failure::Head(_) | Failure::Field { .. })),
            "{bytes:?}: {answer:?}"
        );
    }
}

#[test]
fn a_head_has_any_number_of_fields_that_fits() {
    let many = |count| format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: 1\r\n".repeat(count));
    for count in [MOST_FIELDS, MOST_FIELDS + 1, 5000] {
        assert_eq!(whole(&many(count)).head.headers().len(), count);
    }
    assert!(matches!(read(&many(20_000)), Err(Failure::Malformed(_))), "too many bytes");
}

#[test]
fn an_odd_head_is_framed_by_what_was_repaired() {
    let odd = "HTTP/1.1  200 OK\r\nx[0]: a\r\ny: b\r\n c\r\ncontent-length: 2\r\n\r\n";
    let (answer, body, left) = all(format!("{odd}ok").as_bytes(), false).unwrap();
    assert_eq!((body.as_slice(), left, answer.stays), (&b"ok"[..], 0, true));
    assert_eq!(answer.head.headers()["y"], "b c");
    assert_eq!(answer.head.headers().len(), 2);
}

/// What hyper's client reads of the same bytes: status and body.
async fn hyper_reads(bytes: Vec<u8>) -> Result<(u16, Vec<u8>), Box<dyn std::error::Error>> {
    let (ours, mut server) = tokio::io::duplex(64 * 1024);
    let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(ours)).await?;
    let driving = tokio::spawn(connection);
    let serving = tokio::spawn(async move {
        let mut head = [0; 64];
        let _ = server.read(&mut head).await?;
        server.write_all(&bytes).await?;
        server.shutdown().await?;
        Ok::<_, io::Error>(server)
    });
    let request = http::Request::get("/").header("host", "a").body(Empty::new())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes().to_vec();
    drop((serving, driving));
    Ok((status, body))
}

/// Answers that are nearly right: fields from a list, bodies that fit them or do not.
fn answers() -> impl Strategy<Value = Vec<u8>> {
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

    /// What we read of an answer, hyper reads too, and reads the same.
    #[test]
    fn what_is_read_is_what_hyper_reads(bytes in answers()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let theirs = runtime.block_on(hyper_reads(bytes.clone()));
        if let Ok((answer, body, _)) = all(&bytes, false) {
            let ours = (answer.head.status().as_u16(), body);
            prop_assert_eq!(Some(ours), theirs.ok(), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    /// In whatever pieces an answer comes, it is read as the same.
    #[test]
    fn an_answer_is_the_same_in_any_pieces(bytes in answers(), cuts in prop::collection::vec(0..200_usize, 0..6)) {
        let expected = all(&bytes, false).map(|(answer, body, _)| (answer.head.status(), body));
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let (mut read, mut from, mut answer, mut body) = (BytesMut::new(), 0, None, Vec::new());
        let mut failed = false;
        'pieces: for cut in cuts {
            read.extend_from_slice(&bytes[from..cut]);
            from = cut;
            loop {
                let piece = match &mut answer {
                    None => match Answer::read(&mut read, false, &mut { MOST_HEAD }) {
                        Ok(Some(head)) => {
                            answer = Some(head);
                            continue;
                        }
                        Ok(None) => Ok(Piece::More),
                        Err(failure) => Err(failure),
                    },
                    Some(answer) => answer.body.next(&mut read),
                };
                match piece {
                    Ok(Piece::Data(data)) => body.extend_from_slice(&data),
                    Ok(Piece::Trailers(_)) => {}
                    Ok(Piece::End) => break 'pieces,
                    Ok(Piece::More) => break,
                    Err(_) => {
                        failed = true;
                        break 'pieces;
                    }
                }
            }
        }
        let ended = answer.as_ref().is_some_and(|answer| {
            matches!(answer.body, Body::Over | Body::UntilClose)
        });
        match expected {
            Ok((status, expected)) => {
                prop_assert!(ended && !failed);
                prop_assert_eq!(answer.map(|answer| answer.head.status()), Some(status));
                prop_assert_eq!(body, expected);
            }
            Err(_) => prop_assert!(failed || !ended),
        }
    }
}

use std::future::poll_fn;
use std::task::Waker;

use http::header;
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Empty, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

type Sent = http_body_util::combinators::UnsyncBoxBody<Bytes, BodyError>;

fn none() -> Sent {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A connection and its other end.
async fn pair() -> (Connection<Sent>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (Connection::new(near.unwrap()), far.unwrap().0)
}

fn get() -> Head {
    let mut head = Head::new(&Method::GET, "/");
    head.text(&header::HOST, b"portal.test");
    head
}

/// Reads a request's head at the other end.
async fn heard(far: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(far.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

async fn answer(connection: &mut Connection<Sent>) -> Result<Response<()>, Failure> {
    poll_fn(|cx| connection.poll_answer(cx)).await
}

async fn body(connection: &mut Connection<Sent>) -> Result<Vec<u8>, Failure> {
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|cx| connection.poll_frame(cx)).await.transpose()? {
        if let Ok(data) = frame.into_data() {
            all.extend_from_slice(&data);
        }
    }
    Ok(all)
}

/// One exchange with an answer of these bytes.
async fn exchange(
    connection: &mut Connection<Sent>,
    far: &mut TcpStream,
    bytes: &str,
) -> Result<Vec<u8>, Failure> {
    connection.begin(&get(), none(), false);
    let answering = async {
        heard(far).await;
        far.write_all(bytes.as_bytes()).await.unwrap();
    };
    let (head, ()) = tokio::join!(answer(connection), answering);
    head?;
    body(connection).await
}

/// Waits until the other end's doings have come.
async fn comes(connection: &Connection<Sent>) {
    connection.stream.readable().await.unwrap();
}

#[tokio::test]
async fn one_exchange_follows_another() {
    let (mut connection, mut far) = pair().await;
    for _ in 0..3 {
        assert!(connection.is_idle() && !connection.is_spoilt());
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        assert_eq!(exchange(&mut connection, &mut far, ok).await.unwrap(), b"ok");
        let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        assert_eq!(exchange(&mut connection, &mut far, chunks).await.unwrap(), b"ok");
        let none = "HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(exchange(&mut connection, &mut far, none).await.unwrap(), b"");
    }
}

#[tokio::test]
async fn a_connection_is_not_used_again_when_the_answer_leaves_a_doubt() {
    for bytes in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\nbody",
        "HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let (mut connection, mut far) = pair().await;
        exchange(&mut connection, &mut far, bytes).await.unwrap();
        assert!(!connection.is_idle(), "{bytes:?}");
    }
}

#[tokio::test]
async fn what_was_not_asked_spoils_a_connection() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let (mut connection, mut far) = pair().await;
    exchange(&mut connection, &mut far, ok).await.unwrap();
    assert!(connection.is_idle() && !connection.is_spoilt());
    far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison").await.unwrap();
    comes(&connection).await;
    assert!(connection.is_spoilt());

    let (mut connection, mut far) = pair().await;
    exchange(&mut connection, &mut far, ok).await.unwrap();
    drop(far);
    comes(&connection).await;
    assert!(connection.is_spoilt());
}

#[tokio::test]
async fn a_head_has_its_bounds_and_interim_answers_count() {
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n";
    let start = "HTTP/1.1 204 No Content\r\nx: ";
    // A head, and what came before it, of so many bytes.
    let long = |length: usize, before: &str| {
        let rest = length - before.len() - start.len() - "\r\n\r\n".len();
        format!("{before}{start}{}\r\n\r\n", "a".repeat(rest))
    };
    for (bytes, fits) in [
        (long(MOST_HEAD, ""), true),
        (long(MOST_HEAD + 1, ""), false),
        (long(MOST_HEAD, &hints.repeat(100)), true),
        (long(MOST_HEAD + 1, &hints.repeat(100)), false),
        (hints.repeat(MOST_HEAD / hints.len() + 1), false),
        (long(2 * MOST_HEAD, "").trim_end().to_owned(), false),
    ] {
        // However it comes.
        for piece in [1000, bytes.len()] {
            let (mut connection, mut far) = pair().await;
            connection.begin(&get(), none(), false);
            let answering = async {
                heard(&mut far).await;
                for piece in bytes.as_bytes().chunks(piece) {
                    far.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
            };
            let (read, ()) = tokio::join!(answer(&mut connection), answering);
            assert_eq!(read.is_ok(), fits, "{} in pieces of {piece}", bytes.len());
            assert!(fits || matches!(read, Err(Failure::Malformed(_))), "{read:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_has_gone() {
    let (mut connection, mut far) = pair().await;
    let (mut more, upload) = Channel::<Bytes, BodyError>::new(1);
    connection.begin(&get(), upload.boxed_unsync(), false);
    more.send_data(Bytes::from_static(b"first")).await.unwrap();
    let answering = async {
        heard(&mut far).await;
        far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    };
    let (head, ()) = tokio::join!(answer(&mut connection), answering);
    assert_eq!(head.unwrap().status(), 200);
    assert_eq!(body(&mut connection).await.unwrap(), b"ok");
    assert!(!connection.is_idle(), "the request has not gone out whole");
}

#[tokio::test]
async fn the_answer_of_a_server_that_stopped_to_listen_is_read() {
    let (mut connection, mut far) = pair().await;
    let (mut more, upload) = Channel::<Bytes, BodyError>::new(8);
    connection.begin(&get(), upload.boxed_unsync(), false);
    more.send_data(Bytes::from_static(b"never read")).await.unwrap();
    let mut nobody = Context::from_waker(Waker::noop());
    assert!(connection.poll_answer(&mut nobody).is_pending());
    heard(&mut far).await;
    far.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno").await.unwrap();
    // What it has not read makes this a reset.
    drop(far);
    comes(&connection).await;
    for _ in 0..4 {
        more.send_data(Bytes::from_static(b"nor this")).await.unwrap();
    }
    assert_eq!(answer(&mut connection).await.unwrap().status(), 413);
    assert_eq!(body(&mut connection).await.unwrap(), b"no");
    assert!(!connection.is_idle());
}

#[tokio::test]
async fn an_end_is_told_from_a_cut() {
    let (mut connection, mut far) = pair().await;
    connection.begin(&get(), none(), false);
    let closing = async {
        heard(&mut far).await;
        drop(far);
    };
    let (head, ()) = tokio::join!(answer(&mut connection), closing);
    assert!(matches!(head, Err(Failure::Closed)), "{head:?}");
    assert!(connection.is_unanswered());

    for (bytes, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\nall of it", Some(&b"all of it"[..])),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhalf", None),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", None),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n", None),
        ("HTTP/1.1 200 OK\r\nconte", None),
    ] {
        let (mut connection, mut far) = pair().await;
        connection.begin(&get(), none(), false);
        let answering = async {
            heard(&mut far).await;
            far.write_all(bytes.as_bytes()).await.unwrap();
            drop(far);
        };
        let (head, ()) = tokio::join!(answer(&mut connection), answering);
        let all = match head {
            Ok(_) => body(&mut connection).await,
            Err(failure) => Err(failure),
        };
        assert!(!connection.is_unanswered(), "{bytes:?}");
        match expected {
            Some(expected) => assert_eq!(all.unwrap(), expected),
            None => assert!(matches!(all, Err(Failure::Cut)), "{bytes:?}: {all:?}"),
        }
    }
}

#[tokio::test]
async fn a_large_body_comes_whole_and_leaves_no_large_room() {
    let (mut connection, mut far) = pair().await;
    let expected: Vec<u8> = (0..4_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let sent = expected.clone();
    let upload = Full::new(Bytes::from_static(b"x")).map_err(Into::into).boxed_unsync();
    connection.begin(&get(), upload, false);
    let answering = async {
        heard(&mut far).await;
        far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4000000\r\n\r\n").await.unwrap();
        far.write_all(&sent).await.unwrap();
    };
    let reading = async {
        answer(&mut connection).await.unwrap();
        assert_eq!(connection.size_hint().exact(), Some(4_000_000));
        body(&mut connection).await.unwrap()
    };
    let (all, ()) = tokio::join!(reading, answering);
    assert!(all == expected);
    assert!(connection.is_idle());
    connection.rest();
    assert!(connection.read.capacity() <= LEAST_READ, "{}", connection.read.capacity());
}

#[tokio::test]
async fn the_stream_is_given_with_what_was_said_already() {
    let (mut connection, mut far) = pair().await;
    let switching = "HTTP/1.1 101 Switching Protocols\r\n\r\nfirst words";
    assert_eq!(exchange(&mut connection, &mut far, switching).await.unwrap(), b"");
    assert!(!connection.is_idle());
    let (mut stream, said) = connection.into_stream();
    assert_eq!(said, "first words");
    stream.write_all(b"hello").await.unwrap();
    let mut hello = [0; 5];
    far.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
}

#[tokio::test]
async fn the_last_exchange_asks_the_server_to_close() {
    let (mut connection, mut far) = pair().await;
    let upload = Full::new(Bytes::from_static(b"x")).map_err(Into::into).boxed_unsync();
    connection.begin(&get(), upload, true);
    let answering = async {
        let head = heard(&mut far).await;
        far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        head
    };
    let (answered, head) = tokio::join!(answer(&mut connection), answering);
    answered.unwrap();
    assert_eq!(body(&mut connection).await.unwrap(), b"ok");
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    assert!(!connection.is_idle());
    // What the server has not read of the body goes with the connection.
    connection.close();
    let error = far.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

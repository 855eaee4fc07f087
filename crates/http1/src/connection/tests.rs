use std::future::poll_fn;
use std::task::Waker;

use http::header;
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Empty, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

type Sent = http_body_util::combinators::UnsyncBoxBody<Bytes, BodyError>;

fn empty() -> Sent {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A connection and its other end.
async fn pair() -> (Connection<Sent>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (Connection::new(near.unwrap()), far.unwrap().0)
}

fn get() -> RequestHead {
    let mut head = RequestHead::new(&Method::GET, "/");
    head.text(&header::HOST, b"portal.test");
    head
}

/// Reads a request's head at the other end.
async fn received(far: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(far.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

async fn response(connection: &mut Connection<Sent>) -> Result<Response<()>, Error> {
    poll_fn(|cx| connection.poll_response(cx)).await
}

async fn body(connection: &mut Connection<Sent>) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|cx| connection.poll_frame(cx)).await.transpose()? {
        if let Ok(data) = frame.into_data() {
            all.extend_from_slice(&data);
        }
    }
    Ok(all)
}

/// One exchange with a response of these bytes.
async fn exchange(
    connection: &mut Connection<Sent>,
    far: &mut TcpStream,
    bytes: &str,
) -> Result<Vec<u8>, Error> {
    connection.begin(&get(), empty(), false);
    let responding = async {
        received(far).await;
        far.write_all(bytes.as_bytes()).await.unwrap();
    };
    let (head, ()) = tokio::join!(response(connection), responding);
    head?;
    body(connection).await
}

/// Waits until the server's data or its close can be seen.
async fn readable(connection: &Connection<Sent>) {
    let Stream::Tcp(stream) = &connection.stream else { panic!("not TCP") };
    stream.readable().await.unwrap();
}

#[tokio::test]
async fn a_connection_serves_several_requests() {
    let (mut connection, mut far) = pair().await;
    for _ in 0..3 {
        assert!(connection.is_idle() && !connection.is_stale());
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        assert_eq!(exchange(&mut connection, &mut far, ok).await.unwrap(), b"ok");
        let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        assert_eq!(exchange(&mut connection, &mut far, chunks).await.unwrap(), b"ok");
        let none = "HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(exchange(&mut connection, &mut far, none).await.unwrap(), b"");
    }
}

#[tokio::test]
async fn a_doubtful_response_ends_reuse() {
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
async fn unsolicited_data_makes_a_connection_stale() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let (mut connection, mut far) = pair().await;
    exchange(&mut connection, &mut far, ok).await.unwrap();
    assert!(connection.is_idle() && !connection.is_stale());
    far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison").await.unwrap();
    readable(&connection).await;
    assert!(connection.is_stale());

    let (mut connection, mut far) = pair().await;
    exchange(&mut connection, &mut far, ok).await.unwrap();
    drop(far);
    readable(&connection).await;
    assert!(connection.is_stale());
}

#[tokio::test]
async fn a_head_is_bounded_with_its_interim_responses() {
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n";
    let start = "HTTP/1.1 204 No Content\r\nx: ";
    // A head of this many bytes, with what comes before it.
    let long = |length: usize, before: &str| {
        let rest = length - before.len() - start.len() - "\r\n\r\n".len();
        format!("{before}{start}{}\r\n\r\n", "a".repeat(rest))
    };
    for (bytes, fits) in [
        (long(MAX_HEAD, ""), true),
        (long(MAX_HEAD + 1, ""), false),
        (long(MAX_HEAD, &hints.repeat(100)), true),
        (long(MAX_HEAD + 1, &hints.repeat(100)), false),
        (hints.repeat(MAX_HEAD / hints.len() + 1), false),
        (long(2 * MAX_HEAD, "").trim_end().to_owned(), false),
    ] {
        for piece in [1000, bytes.len()] {
            let (mut connection, mut far) = pair().await;
            connection.begin(&get(), empty(), false);
            let responding = async {
                received(&mut far).await;
                for piece in bytes.as_bytes().chunks(piece) {
                    far.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
            };
            let (read, ()) = tokio::join!(response(&mut connection), responding);
            assert_eq!(read.is_ok(), fits, "{} in pieces of {piece}", bytes.len());
            assert!(fits || matches!(read, Err(Error::Malformed(_))), "{read:?}");
        }
    }
}

#[tokio::test]
async fn a_response_may_come_before_the_request_is_sent() {
    let (mut connection, mut far) = pair().await;
    let (mut more, upload) = Channel::<Bytes, BodyError>::new(1);
    connection.begin(&get(), upload.boxed_unsync(), false);
    more.send_data(Bytes::from_static(b"first")).await.unwrap();
    let responding = async {
        received(&mut far).await;
        far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    };
    let (head, ()) = tokio::join!(response(&mut connection), responding);
    assert_eq!(head.unwrap().status(), 200);
    assert_eq!(body(&mut connection).await.unwrap(), b"ok");
    assert!(!connection.is_idle(), "the request has not gone out whole");
}

#[tokio::test]
async fn a_response_is_read_after_a_failed_write() {
    let (mut connection, mut far) = pair().await;
    let (mut more, upload) = Channel::<Bytes, BodyError>::new(8);
    connection.begin(&get(), upload.boxed_unsync(), false);
    more.send_data(Bytes::from_static(b"never read")).await.unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(connection.poll_response(&mut cx).is_pending());
    received(&mut far).await;
    far.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno").await.unwrap();
    // Closing with unread data resets the connection.
    drop(far);
    readable(&connection).await;
    for _ in 0..4 {
        more.send_data(Bytes::from_static(b"nor this")).await.unwrap();
    }
    assert_eq!(response(&mut connection).await.unwrap().status(), 413);
    assert_eq!(body(&mut connection).await.unwrap(), b"no");
    assert!(!connection.is_idle());
}

#[tokio::test]
async fn a_complete_and_a_cut_off_body_are_distinguished() {
    let (mut connection, mut far) = pair().await;
    connection.begin(&get(), empty(), false);
    let closing = async {
        received(&mut far).await;
        drop(far);
    };
    let (head, ()) = tokio::join!(response(&mut connection), closing);
    assert!(matches!(head, Err(Error::NoResponse)), "{head:?}");
    assert!(connection.has_received_nothing());

    for (bytes, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\nall of it", Some(&b"all of it"[..])),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhalf", None),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", None),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n", None),
        ("HTTP/1.1 200 OK\r\nconte", None),
    ] {
        let (mut connection, mut far) = pair().await;
        connection.begin(&get(), empty(), false);
        let responding = async {
            received(&mut far).await;
            far.write_all(bytes.as_bytes()).await.unwrap();
            drop(far);
        };
        let (head, ()) = tokio::join!(response(&mut connection), responding);
        let all = match head {
            Ok(_) => body(&mut connection).await,
            Err(error) => Err(error),
        };
        assert!(!connection.has_received_nothing(), "{bytes:?}");
        match expected {
            Some(expected) => assert_eq!(all.unwrap(), expected),
            None => assert!(matches!(all, Err(Error::Incomplete)), "{bytes:?}: {all:?}"),
        }
    }
}

#[tokio::test]
async fn the_buffer_for_a_large_body_is_released() {
    let (mut connection, mut far) = pair().await;
    let expected: Vec<u8> = (0..4_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let sent = expected.clone();
    let upload = Full::new(Bytes::from_static(b"x")).map_err(Into::into).boxed_unsync();
    connection.begin(&get(), upload, false);
    let responding = async {
        received(&mut far).await;
        far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4000000\r\n\r\n").await.unwrap();
        far.write_all(&sent).await.unwrap();
    };
    let reading = async {
        response(&mut connection).await.unwrap();
        assert_eq!(connection.size_hint().exact(), Some(4_000_000));
        body(&mut connection).await.unwrap()
    };
    let (all, ()) = tokio::join!(reading, responding);
    assert!(all == expected);
    assert!(connection.is_idle());
    connection.release_buffers();
    assert!(connection.read.capacity() <= MIN_READ, "{}", connection.read.capacity());
}

#[tokio::test]
async fn into_stream_returns_what_was_read_already() {
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
async fn the_last_request_asks_the_server_to_close() {
    let (mut connection, mut far) = pair().await;
    let upload = Full::new(Bytes::from_static(b"x")).map_err(Into::into).boxed_unsync();
    connection.begin(&get(), upload, true);
    let responding = async {
        let head = received(&mut far).await;
        far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        head
    };
    let (responded, head) = tokio::join!(response(&mut connection), responding);
    responded.unwrap();
    assert_eq!(body(&mut connection).await.unwrap(), b"ok");
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    assert!(!connection.is_idle());
    // The connection is reset, with what the server has not read.
    connection.close();
    let error = far.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

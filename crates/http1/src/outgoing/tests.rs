use std::convert::Infallible;
use std::future::poll_fn;

use futures_util::stream;
use http::header::{self, HeaderName, HeaderValue};
use http_body::SizeHint;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tokio::io::AsyncReadExt;

use super::*;

fn head(method: &Method) -> Head {
    let mut head = Head::new(method, "/a?b=c");
    head.text(&header::HOST, b"portal.test");
    head
}

/// What goes over the wire, which takes so many bytes at once.
async fn written<B>(head: &Head, body: B, at_once: usize) -> Result<String, Failure>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BodyError>,
{
    let (mut near, mut far) = tokio::io::duplex(at_once);
    let mut outgoing = Outgoing::default();
    assert!(outgoing.is_done());
    outgoing.begin(head, body, false);
    let reading = tokio::spawn(async move {
        let mut all = String::new();
        far.read_to_string(&mut all).await.map(|_| all)
    });
    poll_fn(|cx| outgoing.poll_write(&mut near, cx)).await?;
    assert!(outgoing.is_done());
    drop(near);
    Ok(reading.await.unwrap().unwrap())
}

fn frames(frames: Vec<Frame<Bytes>>) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
    StreamBody::new(stream::iter(frames.into_iter().map(Ok)))
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

/// A body that says how long it is, and is as long as it is.
struct Says(u64, Full<Bytes>);

impl Body for Says {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.1).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

#[tokio::test]
async fn a_request_is_written_with_its_body_framed() {
    let start = "/a?b=c HTTP/1.1\r\nhost: portal.test\r\n";
    for at_once in [1, 7, 4096] {
        let text = written(&head(&Method::GET), Empty::<Bytes>::new(), at_once).await.unwrap();
        assert_eq!(text, format!("GET {start}\r\n"));
        let text = written(&head(&Method::POST), Empty::<Bytes>::new(), at_once).await.unwrap();
        assert_eq!(text, format!("POST {start}content-length: 0\r\n\r\n"));
        let body = Full::new(Bytes::from_static(b"hello"));
        let text = written(&head(&Method::PUT), body, at_once).await.unwrap();
        assert_eq!(text, format!("PUT {start}content-length: 5\r\n\r\nhello"));
        let body = frames(vec![data("hello"), data(" you")]);
        let text = written(&head(&Method::POST), body, at_once).await.unwrap();
        let chunks = "5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n";
        assert_eq!(text, format!("POST {start}transfer-encoding: chunked\r\n\r\n{chunks}"));
    }
}

#[tokio::test]
async fn an_empty_piece_is_not_the_end_of_the_chunks() {
    let body = frames(vec![data(""), data("a"), data(""), data("b"), data("")]);
    let text = written(&head(&Method::POST), body, 4096).await.unwrap();
    assert!(text.ends_with("\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), "{text:?}");
}

#[tokio::test]
async fn trailers_go_behind_the_chunks_and_frame_nothing() {
    let mut trailers = HeaderMap::new();
    for (name, value) in [("x-sum", "1"), ("content-length", "9"), ("transfer-encoding", "gzip")] {
        trailers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let body = frames(vec![data("a"), Frame::trailers(trailers)]);
    let text = written(&head(&Method::POST), body, 4096).await.unwrap();
    assert!(text.ends_with("1\r\na\r\n0\r\nx-sum: 1\r\n\r\n"), "{text:?}");
}

#[tokio::test]
async fn the_head_frames_nothing() {
    let mut head = head(&Method::POST);
    head.field(&header::CONTENT_LENGTH, &HeaderValue::from_static("3"));
    head.text(&header::TRANSFER_ENCODING, b"chunked");
    let text = written(&head, Full::new(Bytes::from_static(b"hello")), 4096).await.unwrap();
    assert!(text.ends_with("host: portal.test\r\ncontent-length: 5\r\n\r\nhello"), "{text:?}");
}

#[tokio::test]
async fn no_value_ends_a_line() {
    let mut head = head(&Method::GET);
    for bad in ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "\x7f", "a\x1bb"] {
        head.text(&HeaderName::from_static("x-bad"), bad.as_bytes());
    }
    head.text(&HeaderName::from_static("x-good"), "a\tb \u{e9}".as_bytes());
    let text = written(&head, Empty::<Bytes>::new(), 4096).await.unwrap();
    assert!(text.ends_with("host: portal.test\r\nx-good: a\tb \u{e9}\r\n\r\n"), "{text:?}");
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_it_said_is_no_request() {
    for (says, is) in [(4, "hello"), (6, "hello"), (1, "")] {
        let body = Says(says, Full::new(Bytes::from_static(is.as_bytes())));
        let written = written(&head(&Method::POST), body, 4096).await;
        assert!(matches!(written, Err(Failure::Upload(_))), "{says}: {written:?}");
    }
    let body = Says(5, Full::new(Bytes::from_static(b"hello")));
    assert!(written(&head(&Method::POST), body, 4096).await.is_ok());
}

#[tokio::test]
async fn a_body_that_fails_is_told_apart_from_a_connection_that_does() {
    let body = StreamBody::new(stream::iter([Ok(data("a")), Err(io::Error::other("gone"))]));
    let failed = written(&head(&Method::POST), body, 4096).await;
    assert!(matches!(&failed, Err(Failure::Upload(error)) if error.to_string() == "gone"));

    let (mut near, far) = tokio::io::duplex(16);
    drop(far);
    let mut outgoing = Outgoing::default();
    outgoing.begin(&head(&Method::POST), Full::new(Bytes::from_static(b"hello")), false);
    let failed = poll_fn(|cx| outgoing.poll_write(&mut near, cx)).await;
    assert!(matches!(failed, Err(Failure::Broken(_))), "{failed:?}");
    outgoing.give_up();
    assert!(outgoing.is_done());
}

#[tokio::test]
async fn a_body_is_asked_for_no_more_than_the_wire_takes() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let endless = stream::iter(std::iter::repeat_with(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok::<_, Infallible>(data("0123456789"))
    }));
    let (mut near, _far) = tokio::io::duplex(64);
    let mut outgoing = Outgoing::default();
    outgoing.begin(&head(&Method::POST), StreamBody::new(endless).boxed(), false);
    let mut nobody = Context::from_waker(std::task::Waker::noop());
    for _ in 0..100 {
        assert!(outgoing.poll_write(&mut near, &mut nobody).is_pending());
    }
    assert!(asked.load(std::sync::atomic::Ordering::SeqCst) <= 2);
}

use std::convert::Infallible;
use std::future::poll_fn;

use futures_util::stream;
use http::header::{self, HeaderName, HeaderValue};
use http_body::SizeHint;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tokio::io::AsyncReadExt;

use super::*;

fn head(method: &Method) -> RequestHead {
    let mut head = RequestHead::new(method, "/a?b=c");
    head.text(&header::HOST, b"portal.test");
    head
}

/// What is written to a stream that accepts `at_once` bytes at a time.
async fn written<B>(head: &RequestHead, body: B, at_once: usize) -> Result<String, Error>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BodyError>,
{
    let (mut near, mut far) = tokio::io::duplex(at_once);
    let mut writer = RequestWriter::default();
    assert!(writer.is_done());
    writer.begin(head, body, false);
    let reading = tokio::spawn(async move {
        let mut all = String::new();
        far.read_to_string(&mut all).await.map(|_| all)
    });
    poll_fn(|cx| writer.poll_write(&mut near, cx)).await?;
    assert!(writer.is_done());
    drop(near);
    Ok(reading.await.unwrap().unwrap())
}

fn frames(frames: Vec<Frame<Bytes>>) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
    StreamBody::new(stream::iter(frames.into_iter().map(Ok)))
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

/// A body with a declared length.
struct Declared(u64, Full<Bytes>);

impl Body for Declared {
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
async fn a_body_is_framed_by_what_is_known_of_it() {
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
async fn an_empty_frame_does_not_end_a_chunked_body() {
    let body = frames(vec![data(""), data("a"), data(""), data("b"), data("")]);
    let text = written(&head(&Method::POST), body, 4096).await.unwrap();
    assert!(text.ends_with("\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), "{text:?}");
}

#[tokio::test]
async fn trailers_are_written_without_framing_fields() {
    let mut trailers = HeaderMap::new();
    for (name, value) in [("x-sum", "1"), ("content-length", "9"), ("transfer-encoding", "gzip")] {
        trailers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let body = frames(vec![data("a"), Frame::trailers(trailers)]);
    let text = written(&head(&Method::POST), body, 4096).await.unwrap();
    assert!(text.ends_with("1\r\na\r\n0\r\nx-sum: 1\r\n\r\n"), "{text:?}");
}

#[tokio::test]
async fn framing_fields_of_the_head_are_left_out() {
    let mut head = head(&Method::POST);
    head.field(&header::CONTENT_LENGTH, &HeaderValue::from_static("3"));
    head.text(&header::TRANSFER_ENCODING, b"chunked");
    let text = written(&head, Full::new(Bytes::from_static(b"hello")), 4096).await.unwrap();
    assert!(text.ends_with("host: portal.test\r\ncontent-length: 5\r\n\r\nhello"), "{text:?}");
}

#[tokio::test]
async fn a_value_with_a_line_end_is_left_out() {
    let mut head = head(&Method::GET);
    for bad in ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "\x7f", "a\x1bb"] {
        head.text(&HeaderName::from_static("x-bad"), bad.as_bytes());
    }
    head.text(&HeaderName::from_static("x-good"), "a\tb \u{e9}".as_bytes());
    let text = written(&head, Empty::<Bytes>::new(), 4096).await.unwrap();
    assert!(text.ends_with("host: portal.test\r\nx-good: a\tb \u{e9}\r\n\r\n"), "{text:?}");
}

#[tokio::test]
async fn a_body_of_another_length_fails() {
    for (says, is) in [(4, "hello"), (6, "hello"), (1, "")] {
        let body = Declared(says, Full::new(Bytes::from_static(is.as_bytes())));
        let written = written(&head(&Method::POST), body, 4096).await;
        assert!(matches!(written, Err(Error::RequestBody(_))), "{says}: {written:?}");
    }
    let body = Declared(5, Full::new(Bytes::from_static(b"hello")));
    assert!(written(&head(&Method::POST), body, 4096).await.is_ok());
}

#[tokio::test]
async fn a_failed_body_and_a_failed_write_are_distinguished() {
    let body = StreamBody::new(stream::iter([Ok(data("a")), Err(io::Error::other("gone"))]));
    let failed = written(&head(&Method::POST), body, 4096).await;
    assert!(matches!(&failed, Err(Error::RequestBody(error)) if error.to_string() == "gone"));

    let (mut near, far) = tokio::io::duplex(16);
    drop(far);
    let mut writer = RequestWriter::default();
    writer.begin(&head(&Method::POST), Full::new(Bytes::from_static(b"hello")), false);
    let failed = poll_fn(|cx| writer.poll_write(&mut near, cx)).await;
    assert!(matches!(failed, Err(Error::Io(_))), "{failed:?}");
    writer.discard();
    assert!(writer.is_done());
}

#[tokio::test]
async fn a_body_is_polled_only_as_fast_as_it_is_written() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let endless = stream::iter(std::iter::repeat_with(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok::<_, Infallible>(data("0123456789"))
    }));
    let (mut near, _far) = tokio::io::duplex(64);
    let mut writer = RequestWriter::default();
    writer.begin(&head(&Method::POST), StreamBody::new(endless).boxed(), false);
    let mut nobody = Context::from_waker(std::task::Waker::noop());
    for _ in 0..100 {
        assert!(writer.poll_write(&mut near, &mut nobody).is_pending());
    }
    assert!(asked.load(std::sync::atomic::Ordering::SeqCst) <= 2);
}

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;

use super::decoder::tests::{brotli, gzip};
use super::{BannerBody, BannerSources, Coding, Insertion, coding_of_page, rewrite};
use crate::proxy::BodyError;

fn sources() -> BannerSources {
    BannerSources {
        style: "https://p/b.css".to_owned(),
        script: "https://p/b.js".to_owned(),
        script_digest: "sha256-AA".to_owned(),
        forms: vec!["https://p/stop".to_owned()],
    }
}

fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name, HeaderValue::from_static(value));
    }
    headers
}

/// A body of these frames, after each of which the portal pauses.
struct Portal(VecDeque<Result<Frame<Bytes>, BodyError>>, bool);

impl Body for Portal {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.1 = !self.1;
        if self.1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.0.pop_front())
    }
}

fn body(coding: Coding, chunks: &[&[u8]]) -> BannerBody<Portal> {
    body_ending(coding, chunks, None)
}

fn body_ending(
    coding: Coding,
    chunks: &[&[u8]],
    last: Option<Result<Frame<Bytes>, BodyError>>,
) -> BannerBody<Portal> {
    let frames = chunks.iter().map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk))));
    let frames = frames.chain(last);
    let insertion = Insertion::new("<b-n/>", sources());
    BannerBody::new(Portal(frames.collect(), false), coding.decoder(), insertion)
}

#[tokio::test]
async fn r18_a_page_has_the_banner_in_each_coding() {
    let page = format!("<head></head><body><p>{}</p>", "x".repeat(100_000));
    let expected = page.replace("<body>", "<body><b-n/>");
    let plain = page.clone().into_bytes();
    for (coding, coded) in
        [(Coding::Gzip, gzip(&plain)), (Coding::Brotli, brotli(&plain)), (Coding::Identity, plain)]
    {
        for size in [1, 7, 1000, 1_000_000] {
            let chunks: Vec<_> = coded.chunks(size).collect();
            let body = body(coding, &chunks).collect().await.unwrap().to_bytes();
            assert!(body == expected, "{coding:?}, chunks of {size}");
        }
    }
}

#[tokio::test]
async fn r18_trailers_follow_the_page() {
    let trailers = Frame::trailers(headers(&[(header::ETAG, "x")]));
    let page = body_ending(Coding::Identity, &[b"<p", b">"], Some(Ok(trailers)));
    let collected = page.collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap().get(header::ETAG).unwrap(), "x");
    assert_eq!(collected.to_bytes(), "<b-n/><p>");
}

#[tokio::test]
async fn r18_a_page_that_breaks_off_breaks_off() {
    let page = body_ending(Coding::Identity, &[b"<body>"], Some(Err("broken".into())));
    assert!(page.collect().await.is_err());
    assert!(body(Coding::Gzip, &[b"<body>"]).collect().await.is_err());
}

#[test]
fn r18_only_html_that_is_shown_has_the_banner() {
    const TYPE: HeaderName = header::CONTENT_TYPE;
    let html = (TYPE, "text/html");
    for (lines, expected) in [
        (&[html.clone()][..], true),
        (&[(TYPE, "Text/HTML ; charset=\"iso-8859-1\"")], true),
        (&[(TYPE, "text/html;charset=unknown")], true),
        (&[(TYPE, "text/html; charset=utf-16le")], false),
        (&[(TYPE, "text/html; boundary=x; Charset=ISO-2022-JP")], false),
        (&[(TYPE, "application/json")], false),
        (&[(TYPE, "application/xhtml+xml")], false),
        (&[], false),
        (&[html.clone(), html.clone()], false),
        (&[html.clone(), (header::CONTENT_DISPOSITION, "inline; filename=a")], true),
        (&[html.clone(), (header::CONTENT_DISPOSITION, "attachment; filename=a")], false),
        (&[html.clone(), (header::CONTENT_ENCODING, "zstd")], false),
    ] {
        let coding = coding_of_page(StatusCode::OK, &headers(lines));
        assert_eq!(coding.is_some(), expected, "{lines:?}");
    }
    for (status, expected) in [(404, true), (500, true), (204, false), (206, false), (302, false)] {
        let coding =
            coding_of_page(status.try_into().unwrap(), &headers(std::slice::from_ref(&html)));
        assert_eq!(coding.is_some(), expected, "{status}");
    }
}

#[test]
fn r18_the_head_of_a_page_fits_its_new_bytes() {
    let mut head = headers(&[
        (header::CONTENT_LENGTH, "7"),
        (header::CONTENT_ENCODING, "gzip"),
        (header::ETAG, "\"x\""),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "public"),
        (header::CACHE_CONTROL, "max-age=60"),
        (header::CONTENT_SECURITY_POLICY, "form-action 'self'"),
        (header::CONTENT_SECURITY_POLICY, "img-src *"),
        (header::VARY, "cookie"),
    ]);
    rewrite(&mut head, &sources());
    assert_eq!(
        head,
        headers(&[
            (header::CACHE_CONTROL, "no-store"),
            (header::CONTENT_SECURITY_POLICY, "form-action 'self' https://p/stop"),
            (header::CONTENT_SECURITY_POLICY, "img-src *"),
            (header::VARY, "cookie"),
        ])
    );
}

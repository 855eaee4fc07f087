use proptest::prelude::*;

use super::{Insertion, MEMORY};
use crate::proxy::BannerSources;

const TEXT: &str = "<b-n>Söhne</b-n>";
const WRITTEN: &str = "<b-n>S&#246;hne</b-n>";

fn sources() -> BannerSources {
    BannerSources {
        style: "https://p/b.css".to_owned(),
        script: "https://p/b.js".to_owned(),
        script_digest: "sha256-AA".to_owned(),
        forms: vec!["https://p/stop".to_owned()],
    }
}

fn inserted(chunks: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
    let mut insertion = Insertion::new(TEXT, sources());
    let mut page = Vec::new();
    for chunk in chunks {
        page.extend(insertion.write(chunk.as_ref()));
    }
    page.extend(insertion.end());
    page
}

/// The page with `§` where the text was inserted.
fn place(page: &str) -> String {
    String::from_utf8(inserted([page])).unwrap().replace(WRITTEN, "§")
}

#[test]
fn r18_the_banner_is_at_the_beginning_of_the_body() {
    for page in [
        "<!doctype html><html><head><title><body></title></head><body class=x>§Hi<p></body></html>",
        "<BODY\n onload='a>b'>§<p>",
        "<!-- <body> --><body>§",
        "<!--[if IE]><body class=ie><![endif]--><body>§<div>",
        "<head><script>'<body>'</script><style><body></style></head><body>§",
        "<head><noscript><img src=x></noscript><template><p></p></template></head><body>§<p>",
        "<title>No body</title><meta charset=utf-8><link rel=x>\n§<p>Hi",
        "<h1 broken§",
        "§<div><body><p>",
        "Text §<b>first</b>",
        "Nothing but text§",
        "<p§",
        "§<svg><title>x</title></svg>",
        "<head></head><template><p>never closed§",
    ] {
        assert_eq!(place(&page.replace('§', "")), page);
    }
}

#[test]
fn r18_a_page_of_frames_and_utf16_have_no_banner() {
    for page in [
        &b"<html><head></head><frameset cols='*,*'><frame src=a><noframes><body>x"[..],
        b"\xff\xfe<\0b\0o\0d\0y\0>\0",
        b"\xfe\xff\0<\0b",
        b"<\0b\0o\0d\0y\0>\0",
        b"\0<\0b\0o\0d\0y\0>",
        b"",
        b"x",
    ] {
        assert_eq!(inserted([page]), page, "{}", page.escape_ascii());
        assert_eq!(inserted(page.chunks(1)), page, "{}", page.escape_ascii());
    }
}

#[test]
fn r18_a_policy_in_the_page_allows_the_banner() {
    let page = "<meta name=x content='style-src'>\
        <meta http-equiv=' Content-Security-Policy' content=\"default-src &#39;none&#39;\"><body>";
    assert_eq!(
        place(page),
        "<meta name=x content='style-src'>\
         <meta http-equiv=' Content-Security-Policy' content=\"default-src 'none'; style-src-elem \
         https://p/b.css; script-src-elem https://p/b.js\"><body>§"
    );
    for page in [
        "<meta http-equiv=content-security-policy content='style-src &quot;&lt;'><body>§",
        "<meta http-equiv=content-security-policy content=\"img-src *\"><body>§",
        "<meta http-equiv=refresh content=\"default-src 'none'\"><body>§",
    ] {
        assert_eq!(place(&page.replace('§', "")), page);
    }
}

#[test]
fn i12_an_endless_tag_is_not_kept_in_memory() {
    let mut insertion = Insertion::new(TEXT, sources());
    let chunk = [b'x'; 8192];
    let mut sent = insertion.write(b"<link data-x='").len();
    for _ in 0..64 {
        sent += insertion.write(&chunk).len();
    }
    assert!(sent > MEMORY, "only {sent} bytes were passed on");
    let end = insertion.end();
    assert!(end.ends_with(WRITTEN.as_bytes()), "a page that cannot be read has it at its end");
}

#[test]
fn r18_after_the_banner_nothing_is_read() {
    let mut insertion = Insertion::new(TEXT, sources());
    insertion.write(b"<body>Hi");
    assert!(!insertion.is_passing());
    insertion.write(b"<p>");
    assert!(insertion.is_passing());
    assert_eq!(insertion.write(b"<half"), b"<half");
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "<html>",
        "<head>",
        "<body>",
        "<body a='",
        "<div",
        "<p>",
        "<frameset>",
        "</head>",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "<style>",
        "</style>",
        "<template>",
        "</template>",
        "<title>",
        "</title>",
        "<textarea>",
        "<noscript>",
        "</noscript>",
        "<svg>",
        "<select>",
        "<![CDATA[",
        "]]>",
        "<plaintext>",
        "<meta charset=gbk>",
        "<meta charset=utf-16>",
        "\u{e4}",
        ">",
        "'",
        "\"",
        "=",
        "/",
        "&lt;",
        " ",
        "<",
        "</",
        "<!doctype html>",
    ]);
    let piece = prop_oneof![
        4 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn r18_no_byte_is_lost_or_changed(page in pieces(), cuts in prop::collection::vec(1..40_usize, 0..20)) {
        let mut chunks = Vec::new();
        let mut rest = page.as_slice();
        for cut in cuts {
            let (chunk, after) = rest.split_at(cut.min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        chunks.push(rest);
        let whole = inserted([&page]);
        prop_assert_eq!(&inserted(chunks), &whole, "it depends on the chunks");
        let at = memchr::memmem::find(&whole, WRITTEN.as_bytes());
        let portal = match at {
            Some(at) => [&whole[..at], &whole[at + WRITTEN.len()..]].concat(),
            None => whole,
        };
        prop_assert_eq!(portal, page);
    }
}

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderValue};
use proptest::prelude::*;

use super::{Coding, STEP};

pub(in crate::proxy::banner) fn gzip(page: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(page).unwrap();
    encoder.finish().unwrap()
}

pub(in crate::proxy::banner) fn brotli(page: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    brotli::BrotliCompress(&mut &*page, &mut coded, &brotli::enc::BrotliEncoderParams::default())
        .unwrap();
    coded
}

/// What the chunks are decoded to; each step is bounded.
fn decoded(coding: Coding, chunks: &[&[u8]]) -> std::io::Result<Vec<u8>> {
    let mut decoder = coding.decoder().unwrap();
    let mut page = Vec::new();
    for chunk in chunks {
        let mut rest = *chunk;
        loop {
            let (read, output) = decoder.step(rest)?;
            assert!(output.len() <= STEP, "{}", output.len());
            if read == 0 && output.is_empty() {
                break;
            }
            rest = &rest[read..];
            page.extend(output);
        }
        assert!(rest.is_empty(), "{} bytes are left", rest.len());
    }
    Ok(page)
}

#[test]
fn r18_the_coding_is_that_of_the_only_header() {
    for (lines, expected) in [
        (&[][..], Some(Coding::Identity)),
        (&["identity"], Some(Coding::Identity)),
        (&["GZip"], Some(Coding::Gzip)),
        (&[" br"], Some(Coding::Brotli)),
        (&["zstd"], None),
        (&["deflate"], None),
        (&["gzip, br"], None),
        (&["gzip", "gzip"], None),
    ] {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(line));
        }
        assert_eq!(Coding::of(&headers), expected, "{lines:?}");
    }
}

#[test]
fn i12_a_bomb_is_decoded_in_small_steps() {
    let page = vec![b' '; 4 * 1024 * 1024];
    for (coding, coded) in [(Coding::Gzip, gzip(&page)), (Coding::Brotli, brotli(&page))] {
        assert_eq!(decoded(coding, &[&coded]).unwrap().len(), page.len());
    }
}

#[test]
fn r18_members_of_gzip_follow_and_padding_is_dropped() {
    let coded = [gzip(b"one "), gzip(b"two"), vec![0; 7]].concat();
    assert_eq!(decoded(Coding::Gzip, &[&coded]).unwrap(), b"one two");
    let coded = [brotli(b"one"), b"rest".to_vec()].concat();
    assert_eq!(decoded(Coding::Brotli, &[&coded]).unwrap(), b"one");
}

#[test]
fn r18_a_stream_that_is_not_valid_is_an_error() {
    assert!(decoded(Coding::Gzip, &[b"<html>not coded"]).is_err());
    assert!(decoded(Coding::Brotli, &[&[0xFF; 64]]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn r18_decoding_does_not_depend_on_the_chunks(
        page in prop::collection::vec(0..4_u8, 0..9000),
        size in 1..700_usize,
    ) {
        for (coding, coded) in [(Coding::Gzip, gzip(&page)), (Coding::Brotli, brotli(&page))] {
            let chunks: Vec<_> = coded.chunks(size).collect();
            prop_assert_eq!(&decoded(coding, &chunks).unwrap(), &page);
        }
    }
}

use proptest::prelude::*;

use super::*;

/// Decodes a body that comes in these pieces: data, trailers, and the number of bytes after it.
fn read(pieces: &[&[u8]]) -> Result<(Vec<u8>, HeaderMap, usize), Error> {
    let (mut chunks, mut read) = (ChunkedDecoder::Size, BytesMut::new());
    let (mut data, mut trailers) = (Vec::new(), HeaderMap::new());
    for piece in pieces {
        read.extend_from_slice(piece);
        loop {
            match chunks.next(&mut read)? {
                Decoded::Data(piece) => {
                    assert!(!piece.is_empty());
                    data.extend_from_slice(&piece);
                }
                Decoded::Trailers(fields) => trailers = fields,
                Decoded::End => return Ok((data, trailers, read.len())),
                Decoded::Incomplete => break,
            }
        }
    }
    Err(Error::Incomplete)
}

fn data(bytes: &str) -> Option<String> {
    let (data, _, left) = read(&[bytes.as_bytes()]).ok()?;
    assert_eq!(left, 0, "{bytes:?}");
    String::from_utf8(data).ok()
}

#[test]
fn chunks_are_joined() {
    for (bytes, expected) in [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("1\r\nh\r\n4\r\nello\r\n000\r\n\r\n", "hello"),
        ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
        ("5;name=value\r\nhello\r\n0;x=\"y z\"\r\n\r\n", "hello"),
        ("5  \r\nhello\r\n0 ;x\r\n\r\n", "hello"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
    ] {
        assert_eq!(data(bytes).as_deref(), Some(expected), "{bytes:?}");
    }
}

#[test]
fn trailers_follow_the_chunks() {
    let bytes = b"2\r\nok\r\n0\r\nx-sum: 1\r\nx-sum: 2\r\n\r\nHTTP/1.1";
    let (data, trailers, left) = read(&[bytes]).unwrap();
    assert_eq!((data.as_slice(), left), (&b"ok"[..], 8));
    assert_eq!(trailers.get_all("x-sum").iter().collect::<Vec<_>>(), ["1", "2"]);

    let bytes = b"0\r\nset-cookie: a=1\r\ncontent-length: 3\r\nconnection: x\r\nrange: a\r\nif-match: b\r\ntrailer: c\r\nx: y\r\n\r\n";
    let (_, trailers, _) = read(&[bytes]).unwrap();
    assert_eq!(trailers.keys().collect::<Vec<_>>(), ["x"]);
}

#[test]
fn ambiguous_chunks_are_refused() {
    for bytes in [
        "\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "4\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5x\r\nhello\r\n0\r\n\r\n",
        ";x\r\nhello\r\n0\r\n\r\n",
        "5;x\ny\r\nhello\r\n0\r\n\r\n",
        "5;x\ry\r\nhello\r\n0\r\n\r\n",
        "5;\0\r\nhello\r\n0\r\n\r\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
        "5\r\nhello\r\n0\r\nx: \x01\r\n\r\n",
        "5\r\nhello\r\n0\r\n: x\r\n\r\n",
        "5\r\nhello\r\n0\r\nx: y\n\n",
        "5\r\nhello\r\n0\r\nx: y\r\n\n",
        "5\r\nhello\r\n0\r\nx: y\n\r\n",
        "5\r\nhello\r\n0\r\n\n\r\n",
    ] {
        let read = read(&[bytes.as_bytes()]);
        assert!(matches!(read, Err(Error::Malformed(_) | Error::Head(_))), "{bytes:?}: {read:?}");
    }
}

#[test]
fn chunk_lines_and_trailers_are_bounded() {
    let with = |length| format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(length));
    assert_eq!(data(&with(MAX_LINE - 10)).as_deref(), Some("hello"));
    assert_eq!(data(&with(MAX_LINE)), None);
    // A line that is too long already is refused before its end.
    let endless = format!("5;{}", "x".repeat(MAX_LINE));
    assert!(matches!(read(&[endless.as_bytes()]), Err(Error::Malformed(_))));
    for end in ["", "\r\n\r\n"] {
        let endless = format!("0\r\nx: {}{end}", "y".repeat(MAX_TRAILERS));
        assert!(matches!(read(&[endless.as_bytes()]), Err(Error::Malformed(_))));
    }
    let many = format!("0\r\n{}\r\n", "x: y\r\n".repeat(MAX_FIELDS + 1));
    assert!(matches!(read(&[many.as_bytes()]), Err(Error::Head(_))));
}

#[test]
fn a_chunked_body_ends_with_its_last_byte() {
    let bytes = b"5;a\r\nhello\r\n0\r\nx: y\r\n\r\n";
    for length in 0..bytes.len() {
        let (start, rest) = bytes.split_at(length);
        assert!(matches!(read(&[start]), Err(Error::Incomplete)), "{length}");
        assert_eq!(read(&[start, rest]).unwrap().0, b"hello", "{length}");
    }
}

proptest! {
    #[test]
    fn chunks_in_any_pieces_are_joined(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8),
        cuts in prop::collection::vec(0..3000_usize, 0..8),
    ) {
        let mut bytes = Vec::new();
        for part in &parts {
            bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
        let (data, _, left) = read(&pieces).unwrap();
        prop_assert_eq!((data, left), (parts.concat(), 0));
    }
}

use proptest::prelude::*;

use super::*;

/// Reads a whole body in chunks that comes in these pieces; data, trailers, and what is left.
fn read(pieces: &[&[u8]]) -> Result<(Vec<u8>, HeaderMap, usize), Failure> {
    let (mut chunks, mut read) = (Chunks::Size, BytesMut::new());
    let (mut data, mut trailers) = (Vec::new(), HeaderMap::new());
    for piece in pieces {
        read.extend_from_slice(piece);
        loop {
            match chunks.next(&mut read)? {
                Piece::Data(piece) => {
                    assert!(!piece.is_empty());
                    data.extend_from_slice(&piece);
                }
                Piece::Trailers(fields) => trailers = fields,
                Piece::End => return Ok((data, trailers, read.len())),
                Piece::More => break,
            }
        }
    }
    Err(Failure::Cut)
}

fn data(bytes: &str) -> Option<String> {
    let (data, _, left) = read(&[bytes.as_bytes()]).ok()?;
    assert_eq!(left, 0, "{bytes:?}");
    String::from_utf8(data).ok()
}

#[test]
fn chunks_make_a_body() {
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
fn trailers_come_behind() {
    let bytes = b"2\r\nok\r\n0\r\nx-sum: 1\r\nx-sum: 2\r\n\r\nHTTP/1.1";
    let (data, trailers, left) = read(&[bytes]).unwrap();
    assert_eq!((data.as_slice(), left), (&b"ok"[..], 8));
    assert_eq!(trailers.get_all("x-sum").iter().collect::<Vec<_>>(), ["1", "2"]);

    let bytes = b"0\r\nset-cookie: a=1\r\ncontent-length: 3\r\nconnection: x\r\nrange: a\r\nif-match: b\r\ntrailer: c\r\nx: y\r\n\r\n";
    let (_, trailers, _) = read(&[bytes]).unwrap();
    assert_eq!(trailers.keys().collect::<Vec<_>>(), ["x"]);
}

#[test]
fn what_could_be_read_in_two_ways_is_not_read() {
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
        assert!(
            matches!(read, Err(Failure::Malformed(_) | Failure::Head(_))),
            "{bytes:?}: {read:?}"
        );
    }
}

#[test]
fn lines_and_trailers_have_their_bounds() {
    let with = |length| format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(length));
    assert_eq!(data(&with(MOST_LINE - 10)).as_deref(), Some("hello"));
    assert_eq!(data(&with(MOST_LINE)), None);
    // Nor is the end of a line waited for that is too long already.
    let endless = format!("5;{}", "x".repeat(MOST_LINE));
    assert!(matches!(read(&[endless.as_bytes()]), Err(Failure::Malformed(_))));
    for end in ["", "\r\n\r\n"] {
        let endless = format!("0\r\nx: {}{end}", "y".repeat(MOST_TRAILERS));
        assert!(matches!(read(&[endless.as_bytes()]), Err(Failure::Malformed(_))));
    }
    let many = format!("0\r\n{}\r\n", "x: y\r\n".repeat(MOST_FIELDS + 1));
    assert!(matches!(read(&[many.as_bytes()]), Err(Failure::Head(_))));
}

#[test]
fn a_body_is_not_over_before_its_last_byte() {
    let bytes = b"5;a\r\nhello\r\n0\r\nx: y\r\n\r\n";
    for length in 0..bytes.len() {
        let (start, rest) = bytes.split_at(length);
        assert!(matches!(read(&[start]), Err(Failure::Cut)), "{length}");
        assert_eq!(read(&[start, rest]).unwrap().0, b"hello", "{length}");
    }
}

proptest! {
    #[test]
    fn what_was_cut_into_chunks_comes_together_again(
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

//! A block of header fields in the read buffer: where it ends, and its fields without a copy.

use bytes::{Bytes, BytesMut};
use http::header::{HeaderName, HeaderValue};

use super::Error;

/// Fields of a head that are parsed on the stack, and the most that trailers may have.
pub(super) const MAX_FIELDS: usize = 100;

/// Takes the lines up to and including an empty one; `None` until all of them have been read. A
/// line may end without CR (RFC 9112, section 2.2).
pub(super) fn split_block(read: &mut BytesMut) -> Option<Bytes> {
    let mut ends = memchr::memchr_iter(b'\n', read).map(|end| end + 1);
    let end = loop {
        let end = ends.next()?;
        match read.get(end..)? {
            [b'\n', ..] => break end + 1,
            [b'\r', b'\n', ..] => break end + 2,
            _ => {}
        }
    };
    drop(ends);
    Some(read.split_to(end).freeze())
}

/// A field of a block, without a copy of its value.
pub(super) fn read_field(
    block: &Bytes,
    field: &httparse::Header<'_>,
) -> Result<(HeaderName, HeaderValue), Error> {
    let bad = |why| Error::Field { name: field.name.to_owned(), why };
    let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| bad("invalid name"))?;
    let value = HeaderValue::from_maybe_shared(block.slice_ref(field.value))
        .map_err(|_| bad("invalid value"))?;
    Ok((name, value))
}

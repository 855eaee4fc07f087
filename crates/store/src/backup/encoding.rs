//! The header and the records as bytes.

use super::Header;
use crate::{KeyType, SnapshotKey, SnapshotRecord};

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.schema.to_be_bytes().to_vec();
        out.extend_from_slice(&self.key_id);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&(self.facts.len() as u64).to_be_bytes());
        for (name, value) in &self.facts {
            push(&mut out, name.as_bytes());
            push(&mut out, value.as_bytes());
        }
        for (kind, records) in &self.kinds {
            push(&mut out, kind.as_bytes());
            out.extend_from_slice(&records.to_be_bytes());
        }
        out
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let schema = number(bytes)?;
        let key_id = *bytes.split_off(..32)?.first_chunk()?;
        let sequence = number(bytes)?;
        let facts = (0..number(bytes)?).map(|_| {
            let name = text(bytes)?.to_owned();
            Some((name, text(bytes)?.to_owned()))
        });
        let facts = facts.collect::<Option<_>>()?;
        let mut kinds = Vec::new();
        while !bytes.is_empty() {
            kinds.push((text(bytes)?.to_owned(), number(bytes)?));
        }
        Some(Self { schema, key_id, sequence, facts, kinds })
    }
}

/// Replaces `out` by the bytes of a record.
pub(super) fn encode(record: &SnapshotRecord<'_>, out: &mut Vec<u8>) {
    out.clear();
    push(out, record.kind.as_bytes());
    push(out, record.id.as_bytes());
    out.extend_from_slice(&record.version.to_be_bytes());
    push(out, record.doc);
    for SnapshotKey { key_type, field, value } in &record.keys {
        out.push(match key_type {
            KeyType::Unique => b'u',
            KeyType::Index => b'i',
            KeyType::Ordered => b'o',
        });
        push(out, field.as_bytes());
        push(out, value.as_bytes());
    }
}

/// The record with these bytes; `None` if they are not those of one.
pub(super) fn decode(mut bytes: &[u8]) -> Option<SnapshotRecord<'_>> {
    let bytes = &mut bytes;
    let (kind, id) = (text(bytes)?, text(bytes)?);
    let version = number(bytes).filter(|version| *version > 0)?;
    let doc = pull(bytes)?;
    let mut keys = Vec::new();
    while let Some(key_type) = bytes.split_off_first() {
        let key_type = match key_type {
            b'u' => KeyType::Unique,
            b'i' => KeyType::Index,
            b'o' => KeyType::Ordered,
            _ => return None,
        };
        keys.push(SnapshotKey { key_type, field: text(bytes)?, value: text(bytes)? });
    }
    Some(SnapshotRecord { kind, id, version, doc, keys })
}

fn push(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u64).to_be_bytes());
    out.extend_from_slice(part);
}

/// Takes a number off the front.
pub(super) fn number(bytes: &mut &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.split_off(..8)?.first_chunk()?))
}

fn pull<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(bytes)?;
    bytes.split_off(..usize::try_from(length).ok()?)
}

fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    str::from_utf8(pull(bytes)?).ok()
}

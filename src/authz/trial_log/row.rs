//! What is kept of one request, and of all that are like it.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::authz::AccessRequest;
use crate::authz::decision_record::query_names;
use crate::directory::records::{TrialId, TrialRow};
use portcullis_policy::folded_path;

/// Bytes of a folded path, of a method and of a media type.
const LONGEST_PATH: usize = 512;
const LONGEST_METHOD: usize = 32;
const LONGEST_TYPE: usize = 64;
/// Names of query parameters, statuses and media types of a row.
const MOST_NAMES: usize = 16;

/// The row of a single request; `None` if it is too long to be kept.
pub(super) fn row_of(
    trial: &TrialId,
    (host, request): (&str, &AccessRequest),
    (status, headers): (StatusCode, &HeaderMap),
    now: Timestamp,
) -> Option<TrialRow> {
    let path = folded_path(request.target().path());
    let method = request.method().as_str();
    if path.len() > LONGEST_PATH || method.len() > LONGEST_METHOD {
        return None;
    }
    let query = request.target().query().map(query_names::of).unwrap_or_default();
    Some(TrialRow {
        trial: trial.clone(),
        host: host.to_owned(),
        method: method.to_owned(),
        path,
        websocket: request.is_websocket(),
        query,
        statuses: BTreeMap::from([(status.as_u16(), 1)]),
        types: media_type(headers).into_iter().collect(),
        requests: 1,
        first: now,
        last: now,
    })
}

/// The id of a row, the same for all requests that are counted together.
pub(super) fn id_of(row: &TrialRow) -> String {
    let TrialRow { trial, host, method, path, websocket, .. } = row;
    let mut hash = Sha256::new();
    for part in [host, method, path] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update([u8::from(*websocket)]);
    format!("{trial}.{}", HEXLOWER.encode(hash.finalize().get(..16).unwrap_or_default()))
}

/// Adds another row of the same requests.
pub(super) fn merge(row: &mut TrialRow, other: TrialRow) {
    row.requests = row.requests.saturating_add(other.requests);
    row.first = row.first.min(other.first);
    row.last = row.last.max(other.last);
    for (status, count) in other.statuses {
        if row.statuses.len() < MOST_NAMES || row.statuses.contains_key(&status) {
            let known = row.statuses.entry(status).or_default();
            *known = known.saturating_add(count);
        }
    }
    for (names, others) in [(&mut row.query, other.query), (&mut row.types, other.types)] {
        for name in others {
            if names.len() < MOST_NAMES {
                names.insert(name);
            }
        }
    }
}

/// The media type of a response without its parameters (RFC 9110, 8.3.1).
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"/+-._".contains(&byte);
    let is_valid = (1..=LONGEST_TYPE).contains(&essence.len()) && essence.bytes().all(is_token);
    is_valid.then_some(essence)
}

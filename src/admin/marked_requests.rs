//! `doctor`: the value by which `portcullis doctor` marks its requests to the public URL, and what
//! was decided about them.

use serde::Serialize;

use super::response::{ApiResult, Document, document};
use super::scoped::State;
use super::state::AdminState;
use crate::authz::marked_requests::{MarkedRequest, Marks};
use crate::clock;

/// The value that is valid now, and the requests that had it.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "MarkedRequests")]
pub(super) struct MarksView {
    /// A request whose query has `portcullis-doctor=VALUE.MARK` is kept, with any `MARK`.
    value: String,
    /// What the ids of all requests to this gateway begin with; empty until one was refused.
    ids: String,
    /// The last 64, the oldest first.
    requests: Vec<MarkedView>,
}

/// What was decided about a request, or about the question of another proxy.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "MarkedRequest")]
struct MarkedView {
    mark: String,
    /// The request's id.
    request: String,
    /// The contract in which another proxy asked about it; `null` for a request to the gateway.
    contract: Option<&'static str>,
    /// The client's address.
    address: String,
    method: String,
    /// The path as it came, without the query.
    path: String,
    decision: &'static str,
    reason: &'static str,
}

pub(super) async fn show(State(admin): State<AdminState>) -> ApiResult<Document<MarksView>> {
    let Marks { value, ids, requests } = admin.authz.marked_requests().current(clock::now());
    let requests = requests.into_iter().map(MarkedView::from).collect();
    document(&MarksView { value, ids, requests })
}

impl From<MarkedRequest> for MarkedView {
    fn from(marked: MarkedRequest) -> Self {
        let MarkedRequest { mark, request, contract, client, method, path, decision, reason } =
            marked;
        let address = client.to_string();
        Self { mark, request, contract, address, method, path, decision, reason }
    }
}

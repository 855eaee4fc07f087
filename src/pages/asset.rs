//! The style sheet and the script: in the program, under names that change with their content, so
//! that browsers keep them for good.

use std::fmt;
use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use data_encoding::HEXLOWER;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use sha2::{Digest, Sha256};

use super::Desk;
use super::notice::Notice;
use crate::gateway::Visitor;

/// Scripts in one, each in a block of its own.
macro_rules! joined {
    ($($file:literal),+ $(,)?) => {
        concat!("\"use strict\";\n", $("{\n", include_str!($file), "}\n"),+)
    };
}

/// The look of all pages.
pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("css", "text/css; charset=utf-8", include_str!("../../templates/pages/style.css"))
});
/// What makes pages handier; every page works without.
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let files = joined!(
        "../../templates/pages/password.js",
        "../../templates/pages/requirements.js",
        "../../templates/pages/recovery_codes.js",
    );
    Asset::new("js", "text/javascript; charset=utf-8", files)
});

/// A file of ours. Displayed as its address.
#[derive(Debug)]
pub(super) struct Asset {
    name: String,
    kind: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(extension: &str, kind: &'static str, content: &'static str) -> Self {
        let hash = HEXLOWER.encode(&Sha256::digest(content));
        Self { name: format!("{hash:.16}.{extension}"), kind, content }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/.portcullis/assets/{}", self.name)
    }
}

pub(super) async fn serve(
    State(desk): State<Arc<Desk>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    request: Request,
) -> Response<Body> {
    let Some(asset) = [&*STYLE, &*SCRIPT].into_iter().find(|asset| asset.name == name) else {
        return desk.notice_for(&request, &visitor, Notice::no_such_page);
    };
    let mut response = Response::new(Body::from(asset.content));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    response
}

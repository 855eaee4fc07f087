//! The style sheet, the script and the pictures, under names that change with their content, so
//! that browsers keep them for good.

use std::fmt;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use sha2::{Digest, Sha256};

use super::PagesState;
use super::logo::{Logo, Picture};
use super::notice::Notice;
use crate::web::Visitor;

/// A picture that is opened by itself runs nothing and loads nothing.
const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// Scripts in one, each in a block of its own.
macro_rules! joined {
    ($($file:literal),+ $(,)?) => {
        concat!("\"use strict\";\n", $("{\n", include_str!($file), "}\n"),+)
    };
}

/// A file of ours or of the operator's. Displayed as its address.
#[derive(Debug)]
pub(super) struct Asset {
    name: String,
    media_type: &'static str,
    /// Instead of the pages' own.
    policy: Option<&'static str>,
    content: Bytes,
}

/// The look of all pages, after the rules of a branding.
pub(super) fn style(colours: &str) -> Asset {
    let sheet = format!("{colours}{}", include_str!("../../templates/pages/style.css"));
    Asset::new("css", "text/css; charset=utf-8", sheet.into())
}

/// What makes pages handier; every page works without.
pub(super) fn script() -> Asset {
    let script = joined!(
        "../../templates/pages/password.js",
        "../../templates/pages/requirements.js",
        "../../templates/pages/recovery_codes.js",
    );
    Asset::new("js", "text/javascript; charset=utf-8", Bytes::from_static(script.as_bytes()))
}

/// The operator's logo.
pub(super) fn picture(logo: Logo) -> Asset {
    let Logo { kind, content } = logo;
    let asset = Asset::new(kind.extension(), kind.media_type(), content);
    Asset { policy: Some(PICTURE_POLICY), ..asset }
}

/// What stands for the pages in a browser's tabs.
pub(super) fn icon(svg: String) -> Asset {
    picture(Logo { kind: Picture::Svg, content: svg.into() })
}

impl Asset {
    fn new(extension: &str, media_type: &'static str, content: Bytes) -> Self {
        let hash = HEXLOWER.encode(&Sha256::digest(&content));
        Self { name: format!("{hash:.16}.{extension}"), media_type, policy: None, content }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/.portcullis/assets/{}", self.name)
    }
}

pub(super) async fn serve(
    State(state): State<Arc<PagesState>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    request: Request,
) -> Response<Body> {
    let Some(asset) = state.brand.assets().find(|asset| asset.name == name) else {
        return state.notice_for(&request, &visitor, Notice::no_such_page);
    };
    let mut response = Response::new(Body::from(asset.content.clone()));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    if let Some(policy) = asset.policy {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    response
}

//! Style sheets, scripts and pictures. Their names contain a hash of their content, so browsers can
//! keep them forever.

use std::fmt;

use axum::body::Body;
use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use http::Response;
use http::header::{self, HeaderValue};
use sha2::{Digest, Sha256};

use super::logo::{Logo, Picture};
use super::paths;

/// A picture that is opened by itself runs no script and loads nothing.
const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// A file of ours or of the operator's. Displayed as its address.
#[derive(Debug)]
pub(crate) struct Asset {
    name: String,
    media_type: &'static str,
    /// A content security policy other than that of pages.
    policy: Option<&'static str>,
    content: Bytes,
}

impl Asset {
    pub(crate) fn style_sheet(content: String) -> Self {
        Self::new("css", "text/css; charset=utf-8", content.into())
    }

    pub(crate) fn script(content: &'static str) -> Self {
        let content = Bytes::from_static(content.as_bytes());
        Self::new("js", "text/javascript; charset=utf-8", content)
    }

    pub(crate) fn picture(logo: Logo) -> Self {
        let Logo { kind, content } = logo;
        let asset = Self::new(kind.extension(), kind.media_type(), content);
        Self { policy: Some(PICTURE_POLICY), ..asset }
    }

    pub(crate) fn svg(content: String) -> Self {
        Self::picture(Logo { kind: Picture::Svg, content: content.into() })
    }

    fn new(extension: &str, media_type: &'static str, content: Bytes) -> Self {
        let hash = HEXLOWER.encode(&Sha256::digest(&content));
        Self { name: format!("{hash:.16}.{extension}"), media_type, policy: None, content }
    }

    /// Its digest, as in `integrity` (Subresource Integrity, 3.5).
    pub(crate) fn integrity(&self) -> String {
        format!("sha256-{}", BASE64.encode(&Sha256::digest(&self.content)))
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is its name, which stands after [`paths::ASSETS`].
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name
    }

    /// The file, to be cached forever.
    pub(crate) fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.content.clone()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        );
        if let Some(policy) = self.policy {
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        }
        response
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", paths::ASSETS, self.name)
    }
}

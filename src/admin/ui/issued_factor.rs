//! A second factor that was just issued: its QR code, its secret and its recovery codes, shown once.

use serde::Deserialize;

use crate::web::qr;

/// A second factor with its secrets. Templates have it as `factor`.
#[derive(Deserialize)]
pub(super) struct IssuedFactor {
    /// In base32, for typing it into an app.
    pub(super) secret: String,
    /// For a QR code.
    pub(super) url: String,
    /// Empty where they come later.
    #[serde(default)]
    pub(super) recovery_codes: Vec<String>,
}

impl IssuedFactor {
    /// The QR code as SVG of ours; `None` if the address is too long for one.
    pub(super) fn qr(&self) -> Option<String> {
        qr::svg(&self.url)
    }
}

impl std::fmt::Debug for IssuedFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IssuedFactor(..)")
    }
}

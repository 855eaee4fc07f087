//! `server.tls`, `server.certificates` and `admin.tls`: certificates and their keys.

use std::path::PathBuf;

use super::reader::Reader;

/// The setting of further certificates.
const CERTIFICATES: &str = "server.certificates";
/// An entry, for messages.
const EXAMPLE: &str = "{ certificate = \"other.crt\", key = \"other.key\" }";

/// A certificate and its key: paths of PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The section: `server`, `admin` or `upstream`.
    pub of: &'static str,
    /// The setting that has the paths, such as `server.tls` or `server.certificates[0]`.
    pub at: String,
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Tls {
    /// The certificate of `server` or `admin`.
    pub(super) fn read(r: &mut Reader, of: &'static str) -> Option<Self> {
        Self::read_at(r, of, format!("{of}.tls"))
    }

    /// Further certificates of `server`, which need a first one.
    pub(super) fn read_further(r: &mut Reader) -> Vec<Self> {
        let prefixes = r.tables(CERTIFICATES, EXAMPLE);
        if !prefixes.is_empty() && !r.has("server.tls") {
            let message = "requires `server.tls`, the certificate for clients that name no host of \
                           another one";
            r.problem(CERTIFICATES, message.to_owned());
        }
        prefixes.into_iter().filter_map(|at| Self::read_at(r, "server", at)).collect()
    }

    fn read_at(r: &mut Reader, of: &'static str, at: String) -> Option<Self> {
        let names = ["certificate", "key"].map(|key| format!("{at}.{key}"));
        let [certificate, key] = names.each_ref().map(|name| r.optional_path(name));
        if !r.has(&at) {
            return None;
        }
        let are_valid = names.each_ref().map(|name| r.is_valid(name));
        if (certificate.is_none() || key.is_none()) && are_valid == [true, true] {
            r.problem(&at, REQUIRES_BOTH.to_owned());
        }
        certificate.zip(key).map(|(certificate, key)| Self { of, at, certificate, key })
    }
}

/// The problem of a section in which one of the paths, or both, are missing.
const REQUIRES_BOTH: &str = "requires both `certificate` and `key`";

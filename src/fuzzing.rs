//! The fuzz targets of the application: each takes any bytes and panics when a property does not
//! hold. Also what the benchmarks measure that is not public otherwise.
//!
//! `fuzz/` runs them with libFuzzer; the tests below run each over its corpus.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a property that fails stops the fuzzer"
)]

mod admin_json;
mod audit_entry;
mod bench;
mod cookies;
mod portal;

use std::path::PathBuf;
use std::sync::LazyLock;

use parking_lot::Mutex;

use self::admin_json::AdminBench;
use self::bench::Bench;

pub use self::audit_entry::AuditEntryBench;
pub use self::cookies::cookies;
pub use crate::authz::fuzzing::{authorization, forwarded_headers};
pub use crate::directory::records::cost::Measured;
pub use crate::proxy::{banner_in_page, page_with_banner};

/// One gateway for all inputs of a process. Its store is left in the folder for temporary files.
static BENCH: LazyLock<Mutex<Bench>> = LazyLock::new(|| Mutex::new(Bench::new(&folder())));

/// One admin API for all inputs of a process.
static ADMIN_BENCH: LazyLock<Mutex<AdminBench>> =
    LazyLock::new(|| Mutex::new(AdminBench::new(&folder())));

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("portcullis-fuzz-{}", std::process::id()))
}

/// What a client sends over a connection to the gateway: [`Bench::data_plane`].
pub fn data_plane(data: &[u8]) {
    BENCH.lock().data_plane(data);
}

/// The first bytes of a connection from a load balancer.
pub fn proxy_header(data: &[u8]) {
    crate::net::check_proxy_header(data);
}

/// What a browser sends to a page with a form: [`Bench::form_bodies`].
pub fn form_bodies(data: &[u8]) {
    BENCH.lock().form_bodies(data);
}

/// What a program of the operator sends to the admin API: [`AdminBench::admin_json`].
pub fn admin_json(data: &[u8]) {
    ADMIN_BENCH.lock().admin_json(data);
}

#[cfg(test)]
#[path = "../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::replay::replay;
    use tempfile::TempDir;

    use super::admin_json::AdminBench;
    use super::bench::Bench;

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");

    #[test]
    fn corpus_of_forwarded_headers() {
        replay(ROOT, "forwarded_headers", super::forwarded_headers);
    }

    #[test]
    fn corpus_of_proxy_headers() {
        replay(ROOT, "proxy_header", super::proxy_header);
    }

    #[test]
    fn corpus_of_authorization() {
        replay(ROOT, "authorization", super::authorization);
    }

    #[test]
    fn corpus_of_cookies() {
        replay(ROOT, "cookies", super::cookies);
    }

    #[test]
    fn corpus_of_pages_with_the_banner() {
        replay(ROOT, "banner_in_page", super::banner_in_page);
    }

    #[test]
    fn corpus_of_form_bodies() {
        let folder = TempDir::new().unwrap();
        let mut bench = Bench::new(folder.path());
        replay(ROOT, "form_bodies", |data| bench.form_bodies(data));
    }

    #[test]
    fn corpus_of_admin_json() {
        let folder = TempDir::new().unwrap();
        let mut bench = AdminBench::new(folder.path());
        let (mut accepted, mut refused) = (0, 0);
        replay(ROOT, "admin_json", |data| match bench.admin_json(data) {
            Some(status) if status.is_success() => accepted += 1,
            Some(_) => refused += 1,
            None => {}
        });
        assert!(accepted >= 20 && refused >= 20, "{accepted} accepted, {refused} refused");
    }

    #[test]
    fn corpus_of_the_data_plane() {
        let folder = TempDir::new().unwrap();
        let mut bench = Bench::new(folder.path());
        replay(ROOT, "data_plane", |data| bench.data_plane(data));
        assert!(bench.arrived() >= 20, "{} requests arrived", bench.arrived());
    }
}

//! Shared by the tests of this module.

use std::collections::HashMap;
use std::path::Path;

use crate::config::{Limits, Settings};

/// The default limits.
pub(super) fn limits() -> Limits {
    let text = "server.public_url = \"http://a\"\nupstream.servers = [\"http://b\"]";
    let settings = Settings::parse(text, Path::new("test.toml"), &HashMap::new());
    settings.unwrap().server.limits
}

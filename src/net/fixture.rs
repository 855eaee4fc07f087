//! What the tests of connections share.

use std::collections::HashMap;
use std::path::Path;

use crate::config::{Limits, Settings};

/// The limits when the settings say nothing of them.
pub(super) fn limits() -> Limits {
    let text = "server.public_url = \"http://a\"\nupstream.servers = [\"http://b\"]";
    let settings = Settings::parse(text, Path::new("test.toml"), &HashMap::new());
    settings.unwrap().server.limits
}

//! Unix sockets in settings: `unix:/run/portal.sock`.

use std::path::PathBuf;

/// What comes before the path.
pub(super) const UNIX: &str = "unix:";
/// The longest path of a Unix socket, in bytes (`sun_path`, without the zero at its end).
pub(super) const LONGEST_PATH: usize = 107;

/// The path after [`UNIX`]. An error completes the sentence that begins with the value.
pub(super) fn parse(path: &str) -> Result<PathBuf, String> {
    if let Some(path) = path.strip_prefix("//") {
        return Err(format!("must have one slash after `{UNIX}`; write `{UNIX}{path}`"));
    }
    if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        return Err(
            "must have the whole path of a socket (e.g. `unix:/run/portal.sock`)".to_owned()
        );
    }
    if path.len() > LONGEST_PATH {
        return Err(format!("has a path of more than {LONGEST_PATH} bytes, which no socket has"));
    }
    Ok(path.into())
}

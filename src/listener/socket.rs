//! Listening sockets, taken before anything else starts: an address in use is told at once, and
//! port 0 is known by its real number.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A socket that could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A TCP address.
    #[error("cannot listen on {address}: {cause}")]
    Tcp {
        /// The address from the settings.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The admin socket.
    #[error("cannot make the admin socket {}: {cause}", path.display())]
    Unix {
        /// The path from the settings.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// Listens on a TCP address.
///
/// # Errors
/// What the system says.
pub fn bind_tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|cause| BindError::Tcp { address, cause })
}

/// Listens on the admin socket: for its owner alone (mode 0600). A socket that another process
/// left behind is replaced; one that answers is not.
///
/// # Errors
/// What the system says.
pub fn bind_admin_socket(path: &Path) -> Result<UnixListener, BindError> {
    let bind = || {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        if let Ok(old) = std::fs::symlink_metadata(path) {
            if !old.file_type().is_socket() {
                return Err(io::Error::other("there is a file of that name"));
            }
            if UnixStream::connect(path).is_ok() {
                return Err(io::Error::other("another process answers there"));
            }
            std::fs::remove_file(path)?;
        }
        // Bound under a name nobody knows, closed to others, and only then moved to its place:
        // there is no moment at which somebody else could connect.
        let hidden = path.with_extension(format!(
            "{}.new",
            data_encoding::HEXLOWER.encode(&crate::random::bytes::<4>())
        ));
        let listener = UnixListener::bind(&hidden)?;
        std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&hidden, path)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|cause| BindError::Unix { path: path.to_owned(), cause })
}

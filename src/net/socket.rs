//! Binds the listening sockets. That comes first at the start, so that an address in use is reported
//! at once and the real number of port 0 is known.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// The longest path of a Unix socket, without the final zero byte.
const LONGEST_PATH: usize = 107;

/// A socket that could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A TCP address.
    #[error("cannot listen on {address}: {cause}; set another address with `{setting}`")]
    Tcp {
        /// The address from the settings.
        address: SocketAddr,
        /// The setting or command line option that names it.
        setting: &'static str,
        /// The system's error.
        cause: io::Error,
    },
    /// The admin socket.
    #[error("cannot create the admin socket `{}`: {cause}", path.display())]
    Unix {
        /// The path from the settings.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
}

/// Listens on a TCP address from `setting`. Up to `backlog` connections wait to be accepted, or as
/// many as the system allows; connecting times out beyond that.
///
/// # Errors
/// When the address cannot be bound.
pub fn bind_tcp(
    address: SocketAddr,
    setting: &'static str,
    backlog: u16,
) -> Result<TcpListener, BindError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // Connections of an earlier process in TIME_WAIT do not keep the address in use.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(backlog.into())?;
        let listener = TcpListener::from(socket);
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|cause| BindError::Tcp { address, setting, cause })
}

/// Listens on the admin socket, which only its owner may open (mode 0600). A socket that an earlier
/// process left behind is replaced; one that accepts connections is not.
///
/// # Errors
/// When the socket cannot be created.
pub fn bind_admin_socket(path: &Path, backlog: u16) -> Result<UnixListener, BindError> {
    let bind = || {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        if let Ok(old) = std::fs::symlink_metadata(path) {
            if !old.file_type().is_socket() {
                return Err(io::Error::other("a file with that name exists"));
            }
            if UnixStream::connect(path).is_ok() {
                return Err(io::Error::other("another process is using it"));
            }
            std::fs::remove_file(path)?;
        }
        // Bound under a random name, made private and then renamed, so that other users can never
        // connect.
        let hidden = path.with_extension(format!(
            "{}.new",
            data_encoding::HEXLOWER.encode(&crate::random::bytes::<4>())
        ));
        let length = hidden.as_os_str().len();
        if length > LONGEST_PATH {
            let longest = path.as_os_str().len().saturating_sub(length - LONGEST_PATH);
            let cause = format!("the path is too long; use at most {longest} bytes");
            return Err(io::Error::other(cause));
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(&hidden)?)?;
        socket.listen(backlog.into())?;
        let listener = UnixListener::from(socket);
        std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&hidden, path)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|cause| BindError::Unix { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_in_use_is_reported_with_its_setting() {
        let bound = bind_tcp(SocketAddr::from(([127, 0, 0, 1], 0)), "admin.listen", 1).unwrap();
        let address = bound.local_addr().unwrap();
        let error = bind_tcp(address, "admin.listen", 1).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
        assert!(error.ends_with("; set another address with `admin.listen`"), "{error}");
    }

    #[tokio::test]
    async fn too_long_socket_path_is_reported_with_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let name = |length| {
            let rest = length - folder.path().as_os_str().len() - "/.sock".len();
            folder.path().join(format!("{}.sock", "s".repeat(rest)))
        };
        let error = bind_admin_socket(&name(120), 1).unwrap_err().to_string();
        let (_, longest) = error.split_once("use at most ").unwrap();
        let longest: usize = longest.strip_suffix(" bytes").unwrap().parse().unwrap();
        assert!(bind_admin_socket(&name(longest), 1).is_ok(), "{error}");
        assert!(bind_admin_socket(&name(longest + 1), 1).is_err(), "{error}");
    }
}

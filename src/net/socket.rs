//! Listening sockets, taken before anything else starts: an address in use is told at once, and
//! port 0 is known by its real number.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// The longest path that the system takes for a socket, its final zero aside.
const LONGEST_PATH: usize = 107;

/// A socket that could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A TCP address.
    #[error("cannot listen on {address}: {cause}; name another with `{setting}`")]
    Tcp {
        /// The address from the settings.
        address: SocketAddr,
        /// What it was named with.
        setting: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// The admin socket.
    #[error("cannot make the admin socket `{}`: {cause}", path.display())]
    Unix {
        /// The path from the settings.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// Listens on a TCP address, which `setting` has named. Up to `backlog` connections wait to be
/// accepted, or fewer if the system has a lower bound; more find out by a timeout.
///
/// # Errors
/// What the system says.
pub fn bind_tcp(
    address: SocketAddr,
    setting: &'static str,
    backlog: u16,
) -> Result<TcpListener, BindError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // What an earlier process left in TIME_WAIT does not keep the address taken.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(backlog.into())?;
        let listener = TcpListener::from(socket);
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|cause| BindError::Tcp { address, setting, cause })
}

/// Listens on the admin socket: for its owner alone (mode 0600). A socket that another process
/// left behind is replaced; one that answers is not.
///
/// # Errors
/// What the system says.
pub fn bind_admin_socket(path: &Path, backlog: u16) -> Result<UnixListener, BindError> {
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
        let length = hidden.as_os_str().len();
        if length > LONGEST_PATH {
            let longest = path.as_os_str().len().saturating_sub(length - LONGEST_PATH);
            let cause = format!("its path is too long; it may have {longest} bytes");
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
    fn an_address_in_use_is_told_with_the_setting_that_names_another() {
        let taken = bind_tcp(SocketAddr::from(([127, 0, 0, 1], 0)), "admin.listen", 1).unwrap();
        let address = taken.local_addr().unwrap();
        let error = bind_tcp(address, "admin.listen", 1).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
        assert!(error.ends_with("; name another with `admin.listen`"), "{error}");
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_is_told_with_how_long_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let name = |length| {
            let rest = length - folder.path().as_os_str().len() - "/.sock".len();
            folder.path().join(format!("{}.sock", "s".repeat(rest)))
        };
        let error = bind_admin_socket(&name(120), 1).unwrap_err().to_string();
        let (_, longest) = error.split_once("it may have ").unwrap();
        let longest: usize = longest.strip_suffix(" bytes").unwrap().parse().unwrap();
        assert!(bind_admin_socket(&name(longest), 1).is_ok(), "{error}");
        assert!(bind_admin_socket(&name(longest + 1), 1).is_err(), "{error}");
    }
}

//! Binds the listening sockets. That comes first at the start, so that an address in use is reported
//! at once and the real number of port 0 is known.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::service_manager::SocketName;

/// The longest path of a Unix socket, without the final zero byte.
const LONGEST_PATH: usize = 107;

/// A socket that could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A TCP address.
    #[error("cannot listen on {address}: {}", explained(*address, setting, cause))]
    Tcp {
        /// The address from the settings.
        address: SocketAddr,
        /// The setting or command line option that names it.
        setting: &'static str,
        /// The system's error.
        cause: io::Error,
    },
    /// A TCP address that another socket of the gateway includes.
    #[error(
        "cannot listen on {address} (`{setting}`): {earlier} (`{by}`) {}; leave one of them out",
        if address == earlier { "is the same address" } else { "includes it" }
    )]
    Overlap {
        /// The address from the settings.
        address: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
        /// The address that was bound before.
        earlier: SocketAddr,
        /// The setting that names that one.
        by: &'static str,
    },
    /// A passed socket that no setting asks for.
    #[error(
        "the service manager passes a socket named `{name}`, but `{setting}` is not set; set it, or \
         do not pass the socket"
    )]
    NotWanted {
        /// The name of the socket.
        name: SocketName,
        /// The setting whose addresses it would replace.
        setting: &'static str,
    },
    /// A Unix socket.
    #[error("cannot create the socket `{}`: {cause} ({setting})", path.display())]
    Unix {
        /// The path from the settings.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
        /// The system's error.
        cause: io::Error,
    },
}

impl BindError {
    /// Whether a TCP address is in use.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Tcp { cause, .. } if cause.kind() == io::ErrorKind::AddrInUse)
    }
}

/// Why an address cannot be bound, and what to do about it.
fn explained(address: SocketAddr, setting: &str, cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another socket uses it (`ss -ltnp` shows which program); stop that program, or set \
             another address with `{setting}`"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "ports below 1024 require the capability CAP_NET_BIND_SERVICE (systemd: \
             `AmbientCapabilities=CAP_NET_BIND_SERVICE`); add it, or set a higher port than {} with \
             `{setting}`",
            address.port()
        ),
        io::ErrorKind::AddrNotAvailable => format!(
            "this machine does not have the address (`ip address` shows those that it has); set \
             another address with `{setting}`, or {} for every interface",
            SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port())
        ),
        _ => format!("{cause}; set another address with `{setting}`"),
    }
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

/// Listens on a Unix socket from `setting`, which gets these permissions. A socket that an earlier
/// process left behind is replaced; one that a process listens on is not.
///
/// # Errors
/// When the socket cannot be created.
pub fn bind_unix(
    path: &Path,
    (setting, mode): (&'static str, u32),
    backlog: u16,
) -> Result<UnixListener, BindError> {
    let bind = || {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                let folder = folder.display();
                io::Error::other(format!("the folder `{folder}` cannot be created: {error}"))
            })?;
        }
        if let Ok(old) = std::fs::symlink_metadata(path) {
            if !old.file_type().is_socket() {
                let what = if old.is_dir() { "a folder" } else { "a file" };
                return Err(io::Error::other(format!("{what} with that name exists")));
            }
            if is_in_use(path)? {
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
        std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(mode))?;
        std::fs::rename(&hidden, path)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|cause| BindError::Unix { path: path.to_owned(), setting, cause })
}

/// Whether a process listens on the socket at a path.
fn is_in_use(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => Ok(true),
        // As many connections wait as the process allows.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        // Whose it is cannot be found out, so it stays.
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    const ADMIN: (&str, u32) = ("admin.socket", 0o600);

    #[test]
    fn unix_socket_replaces_only_one_without_a_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/gateway.sock");
        let gateway = ("server.listen", 0o660);
        let first = bind_unix(&path, gateway, 1).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let in_use = || {
            let error = bind_unix(&path, gateway, 1).unwrap_err().to_string();
            assert!(error.ends_with("another process is using it (server.listen)"), "{error}");
        };
        in_use();
        // It is in use too when no more connections can wait.
        let connect = || {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.connect(&SockAddr::unix(&path).unwrap()).map(|()| socket)
        };
        let waiting: Vec<_> = std::iter::from_fn(|| connect().ok()).take(100).collect();
        assert!(waiting.len() < 100);
        in_use();
        drop(first);
        let second = bind_unix(&path, gateway, 1).unwrap();
        assert!(UnixStream::connect(&path).is_ok() && second.accept().is_ok());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "a file").unwrap();
        let error = bind_unix(&path, gateway, 1).unwrap_err().to_string();
        assert!(error.contains("a file with that name exists"), "{error}");
    }

    #[test]
    fn address_in_use_is_reported_with_its_setting() {
        let bound = bind_tcp(SocketAddr::from(([127, 0, 0, 1], 0)), "admin.listen", 1).unwrap();
        let address = bound.local_addr().unwrap();
        let error = bind_tcp(address, "admin.listen", 1).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
        assert!(error.contains("another socket uses it"), "{error}");
        assert!(error.ends_with("or set another address with `admin.listen`"), "{error}");
    }

    #[test]
    fn refused_addresses_are_explained() {
        let address = SocketAddr::from(([192, 0, 2, 1], 443));
        let error = bind_tcp(address, "server.listen", 1).unwrap_err().to_string();
        assert!(error.contains("this machine does not have the address"), "{error}");
        assert!(
            error.ends_with("with `server.listen`, or 0.0.0.0:443 for every interface"),
            "{error}"
        );
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = explained(address, "server.listen", &denied);
        assert!(error.contains("CAP_NET_BIND_SERVICE"), "{error}");
    }

    #[tokio::test]
    async fn too_long_socket_path_is_reported_with_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let name = |length| {
            let rest = length - folder.path().as_os_str().len() - "/.sock".len();
            folder.path().join(format!("{}.sock", "s".repeat(rest)))
        };
        let bind = |length| bind_unix(&name(length), ADMIN, 1);
        let error = bind(120).unwrap_err().to_string();
        let (_, longest) = error.split_once("use at most ").unwrap();
        let longest: usize =
            longest.strip_suffix(" bytes (admin.socket)").unwrap().parse().unwrap();
        assert!(bind(longest).is_ok(), "{error}");
        assert!(bind(longest + 1).is_err(), "{error}");
    }
}

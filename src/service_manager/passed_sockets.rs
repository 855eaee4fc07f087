//! Sockets that the service manager has bound and passes to the process (`sd_listen_fds(3)`). They
//! stay open while the process is restarted, so that no connection is refused.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use socket2::SockRef;

/// What a socket is for: its `FileDescriptorName=` in the socket unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketName {
    /// Portal traffic.
    Gateway,
    /// The admin API.
    Admin,
    /// Proxies that ask over gRPC.
    Grpc,
    /// Redirects to https.
    Redirect,
}

/// The sockets that have been passed and not been taken.
#[derive(Debug, Default)]
pub struct PassedSockets {
    tcp: Vec<(SocketName, TcpListener)>,
    /// All for portal traffic.
    unix: Vec<UnixListener>,
}

/// A passed socket that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PassedSocketError {
    /// Its name is not known.
    #[error(
        "the service manager passes a socket named `{0}`; the names are `gateway`, `admin`, `grpc` \
         and `redirect` (`FileDescriptorName=` in the socket unit)"
    )]
    UnknownName(String),
    /// The sockets have no names.
    #[error(
        "the service manager passes {sockets} sockets and {names} names; set `FileDescriptorName=` in \
         each socket unit"
    )]
    Names {
        /// How many sockets there are.
        sockets: usize,
        /// How many names there are.
        names: usize,
    },
    /// There are several where one is used.
    #[error("the service manager passes several sockets named `{0}`; only one can be used")]
    Several(SocketName),
    /// It is not a socket that listens on a TCP address or, for portal traffic, at a path.
    #[error(
        "the socket `{name}` of the service manager is not a listening TCP socket{}: {cause} (use \
         `ListenStream=` with {} and `Accept=no`)",
        if name.may_be_unix() { " or Unix socket" } else { "" },
        if name.may_be_unix() { "an address or a path" } else { "an address" },
    )]
    NotListening {
        /// Its name.
        name: SocketName,
        /// What is wrong with it.
        cause: io::Error,
    },
}

impl SocketName {
    const ALL: [Self; 4] = [Self::Gateway, Self::Admin, Self::Grpc, Self::Redirect];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Admin => "admin",
            Self::Grpc => "grpc",
            Self::Redirect => "redirect",
        }
    }

    const fn may_be_unix(self) -> bool {
        matches!(self, Self::Gateway)
    }

    const fn may_be_several(self) -> bool {
        matches!(self, Self::Gateway | Self::Redirect)
    }
}

impl fmt::Display for SocketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PassedSockets {
    /// Takes the sockets of this process. `names` is the variable `LISTEN_FDNAMES`; `LISTEN_FDS` and
    /// `LISTEN_PID` are removed from the environment, so this must be called before there are other
    /// threads.
    ///
    /// # Errors
    /// The first socket that cannot be used.
    pub fn take(names: Option<&str>) -> Result<Self, PassedSocketError> {
        let mut passed = ListenFd::from_env();
        let names = parsed(passed.len(), names)?;
        let mut sockets = Self::default();
        for (index, name) in names.into_iter().enumerate() {
            sockets
                .add(&mut passed, index, name)
                .map_err(|cause| PassedSocketError::NotListening { name, cause })?;
        }
        Ok(sockets)
    }

    fn add(&mut self, passed: &mut ListenFd, index: usize, name: SocketName) -> io::Result<()> {
        // A socket of another kind is not taken.
        let unix = name.may_be_unix().then(|| passed.take_unix_listener(index));
        if let Some(Ok(Some(listener))) = unix {
            check_listens(&SockRef::from(&listener))?;
            self.unix.push(listener);
            return Ok(());
        }
        let listener = passed.take_tcp_listener(index)?.ok_or(io::ErrorKind::NotFound)?;
        check_listens(&SockRef::from(&listener))?;
        self.tcp.push((name, listener));
        Ok(())
    }

    /// Takes the TCP sockets with this name.
    pub fn take_named(&mut self, name: SocketName) -> Vec<TcpListener> {
        self.tcp.extract_if(.., |(of, _)| *of == name).map(|(_, listener)| listener).collect()
    }

    /// Takes the Unix sockets for portal traffic.
    pub fn take_unix(&mut self) -> Vec<UnixListener> {
        std::mem::take(&mut self.unix)
    }
}

/// Puts a socket into non-blocking mode, if it listens.
fn check_listens(socket: &SockRef<'_>) -> io::Result<()> {
    if !socket.is_listener()? {
        return Err(io::Error::other("it does not listen"));
    }
    socket.set_nonblocking(true)
}

/// The name of each of `sockets` sockets, from names separated by colons.
fn parsed(sockets: usize, names: Option<&str>) -> Result<Vec<SocketName>, PassedSocketError> {
    let texts = names.filter(|names| !names.is_empty() && sockets > 0);
    let mut parsed = Vec::with_capacity(sockets);
    for text in texts.into_iter().flat_map(|names| names.split(':')) {
        let name = SocketName::ALL.into_iter().find(|name| name.as_str() == text);
        let name = name.ok_or_else(|| PassedSocketError::UnknownName(text.to_owned()))?;
        if parsed.contains(&name) && !name.may_be_several() {
            return Err(PassedSocketError::Several(name));
        }
        parsed.push(name);
    }
    if parsed.len() != sockets {
        return Err(PassedSocketError::Names { sockets, names: parsed.len() });
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_socket_has_the_name_at_its_place() {
        let names = parsed(4, Some("gateway:admin:gateway:redirect")).unwrap();
        let expected =
            [SocketName::Gateway, SocketName::Admin, SocketName::Gateway, SocketName::Redirect];
        assert_eq!(names, expected);
        assert_eq!(parsed(0, None).unwrap(), []);
        assert_eq!(parsed(0, Some("left-by-another")).unwrap(), []);
    }

    #[test]
    fn sockets_without_a_known_name_are_refused() {
        for (sockets, names, expected) in [
            (1, Some("portcullis.socket"), "a socket named `portcullis.socket`"),
            (1, Some("Gateway"), "a socket named `Gateway`"),
            (2, Some("gateway:"), "a socket named ``"),
            (2, None, "2 sockets and 0 names"),
            (1, Some("gateway:admin"), "1 sockets and 2 names"),
            (3, Some("gateway:admin:admin"), "several sockets named `admin`"),
            (2, Some("grpc:grpc"), "several sockets named `grpc`"),
        ] {
            let error = parsed(sockets, names).unwrap_err().to_string();
            assert!(error.contains(expected), "{names:?}: {error}");
        }
    }

    #[test]
    fn sockets_are_taken_once() {
        let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut passed = PassedSockets {
            tcp: vec![
                (SocketName::Gateway, listener()),
                (SocketName::Admin, listener()),
                (SocketName::Gateway, listener()),
            ],
            unix: vec![UnixListener::bind(folder.path().join("gateway.sock")).unwrap()],
        };
        assert_eq!(passed.take_named(SocketName::Gateway).len(), 2);
        assert_eq!(passed.take_named(SocketName::Gateway).len(), 0);
        assert_eq!(passed.take_named(SocketName::Redirect).len(), 0);
        assert_eq!(passed.take_named(SocketName::Admin).len(), 1);
        assert_eq!((passed.take_unix().len(), passed.take_unix().len()), (1, 0));
    }
}

//! Notifications of the service manager (`sd_notify(3)`): datagrams to a Unix socket.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Sends notifications, if the service manager expects them.
#[derive(Debug, Clone, Default)]
pub struct Notifier {
    socket: Option<SocketAddr>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// The notifier of the process with this id. `variable` returns variables of the environment, of
    /// which `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are read.
    ///
    /// # Errors
    /// When `NOTIFY_SOCKET` is not the address of a socket.
    pub fn new(variable: impl Fn(&str) -> Option<OsString>, process: u32) -> io::Result<Self> {
        let socket = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        let is_other = number("WATCHDOG_PID").is_some_and(|id| id != u64::from(process));
        let watchdog = number("WATCHDOG_USEC").filter(|limit| *limit > 0 && !is_other);
        Ok(Self {
            socket: socket.map(|name| address(&name)).transpose()?,
            watchdog: watchdog.map(Duration::from_micros),
        })
    }

    /// The process serves; or, after [`reloading`](Self::reloading), it has read its files again.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The process reads its files again. `since_boot` is the time of the monotonic clock.
    pub fn reloading(&self, since_boot: Duration) {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", since_boot.as_micros()));
    }

    /// The process has begun to stop.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// The process makes progress. Due at least once in each [`watchdog`](Self::watchdog).
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// The time without [`alive`](Self::alive) after which the service manager ends the process.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.socket.as_ref().and(self.watchdog)
    }

    /// A failure is logged: the service manager notices by itself what it is not notified of.
    fn send(&self, message: &str) {
        let Some(address) = &self.socket else { return };
        let sent = UnixDatagram::unbound().and_then(|socket| {
            // A service manager that does not read must not stop the gateway.
            socket.set_nonblocking(true)?;
            socket.send_to_addr(message.as_bytes(), address)
        });
        if let Err(error) = sent {
            tracing::warn!(%error, "cannot notify the service manager");
        }
    }
}

/// A path, or after `@` a name in the abstract namespace.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::other("it is neither an absolute path nor a name after `@`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notifier(variables: &[(&str, &str)]) -> io::Result<Notifier> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        };
        Notifier::new(variable, 7)
    }

    #[test]
    fn notifications_arrive_as_the_protocol_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let name = format!("@portcullis-test-{}", std::process::id());
        let hidden = SocketAddr::from_abstract_name(&name.as_bytes()[1..]).unwrap();
        let hidden = UnixDatagram::bind_addr(&hidden).unwrap();
        for (manager, name) in [(manager, path.to_str().unwrap()), (hidden, &name)] {
            let notifier = notifier(&[("NOTIFY_SOCKET", name)]).unwrap();
            notifier.ready();
            notifier.reloading(Duration::from_millis(1500));
            notifier.alive();
            notifier.stopping();
            for expected in
                ["READY=1", "RELOADING=1\nMONOTONIC_USEC=1500000", "WATCHDOG=1", "STOPPING=1"]
            {
                let mut buffer = [0; 100];
                let length = manager.recv(&mut buffer).unwrap();
                assert_eq!(std::str::from_utf8(&buffer[..length]).unwrap(), expected);
            }
        }
    }

    #[test]
    fn nothing_is_sent_without_a_service_manager() {
        let none = notifier(&[("WATCHDOG_USEC", "1000")]).unwrap();
        none.ready();
        assert_eq!(none.watchdog(), None);
        // One that has gone does not stop the gateway.
        notifier(&[("NOTIFY_SOCKET", "/nonexistent/notify")]).unwrap().ready();
        assert!(notifier(&[("NOTIFY_SOCKET", "vsock:2:9999")]).is_err());
        assert_eq!(notifier(&[("NOTIFY_SOCKET", "")]).unwrap().watchdog(), None);
    }

    #[test]
    fn watchdog_is_that_of_this_process() {
        let limit = |variables: &[(&str, &str)]| {
            let socket = ("NOTIFY_SOCKET", "/run/notify");
            notifier(&[&[socket], variables].concat()).unwrap().watchdog()
        };
        let half_minute = Some(Duration::from_secs(30));
        assert_eq!(limit(&[("WATCHDOG_USEC", "30000000")]), half_minute);
        assert_eq!(limit(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "7")]), half_minute);
        for other in [
            &[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "8")][..],
            &[("WATCHDOG_USEC", "0")],
            &[("WATCHDOG_USEC", "soon")],
            &[],
        ] {
            assert_eq!(limit(other), None, "{other:?}");
        }
    }
}

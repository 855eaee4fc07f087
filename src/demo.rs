//! What `portcullis demo` shows: the gateway before a sample portal, with sample people.
//!
//! The gateway is the one that `portcullis serve` runs, with settings of its own making; only the
//! portal behind it and the people in it are samples.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;

use portcullis_demo_portal::OPERATOR;
use rustix::io::Errno;

use crate::app::{Server, Sockets};
use crate::clock;
use crate::config::{BACKLOG, Settings};
use crate::credential::secret::Secret;
use crate::directory::end_users::NewEndUser;
use crate::directory::organizations::NewOrganization;
use crate::directory::users::{NewUser, UserFilter};
use crate::directory::{Directory, DirectoryError, GroupId, OrganizationId, PageRequest};
use crate::net::BindError;
use crate::telemetry::{self, Log};
use crate::web::paths;

/// What names the ports and the folder on the command line.
const PORT: &str = "--port";
const ADMIN_PORT: &str = "--admin-port";
/// How many ports of the system's choice are tried: one may be free on one address and not on the
/// other.
const TRIES: usize = 16;
/// The folder that mail is put into, in the demo's own.
const MAIL: &str = "mail";
/// Everybody's password in the demo.
const PASSWORD: &str = "Portcullis-Demo-1";

/// The shipped policy, which the demo's portal is made for.
const POLICY: [(&str, &str); 4] = [
    ("permissions.toml", include_str!("../policies/permissions.toml")),
    ("groups.toml", include_str!("../policies/groups.toml")),
    ("routes.toml", include_str!("../policies/routes.toml")),
    ("expectations.toml", include_str!("../policies/expectations.toml")),
];

/// Customers: the first has portal users, the others come by their links.
const ORGANIZATIONS: [(&str, &str); 3] =
    [("acme", "Acme Ltd"), ("globex", "Globex GmbH"), ("initech", "Initech Inc")];

/// A portal user of the first customer for each built-in group.
const PEOPLE: [(&str, &str, &str); 4] = [
    ("Ada Admin", "ada@acme.example", "admin"),
    ("Liam Limited", "liam@acme.example", "limited"),
    ("Nora Nonportal", "nora@acme.example", "non-portal"),
    ("Noah Noaccess", "noah@acme.example", "no-access"),
];

/// A demo that listens.
#[derive(Debug)]
pub struct Demo {
    server: Server,
    portal: TcpListener,
    /// Where everything is.
    pub ready: Ready,
    /// Removed with everything in it at the end, when it was made for this demo.
    _temporary: Option<Temporary>,
    _log: Log,
}

/// Addresses and sign-ins, as the ready file tells them.
#[derive(Debug, Clone, Serialize)]
pub struct Ready {
    /// The gateway's URL.
    pub gateway: String,
    /// The admin API's URL.
    pub admin: String,
    /// The admin socket.
    pub socket: PathBuf,
    /// The folder that mail is put into; for the person at the terminal.
    #[serde(skip)]
    pub mail: PathBuf,
    /// The customers.
    pub organizations: Vec<ReadyOrganization>,
    /// The people.
    pub users: Vec<ReadyUser>,
}

/// A customer.
#[derive(Debug, Clone, Serialize)]
pub struct ReadyOrganization {
    /// The id.
    pub id: OrganizationId,
    /// The name.
    pub name: String,
    /// The secure link.
    pub link: String,
}

/// Somebody who can sign in.
#[derive(Debug, Clone, Serialize)]
pub struct ReadyUser {
    /// The login.
    pub login: String,
    /// The password, if it still is the one that the demo has given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The organization's id.
    pub organization: OrganizationId,
    /// The group's id.
    pub group: GroupId,
}

impl Demo {
    /// Makes ready a gateway on these ports (0: any), with its data in `data` or a folder that is
    /// removed at the end.
    ///
    /// # Errors
    /// Whatever does not let it start.
    pub fn start(port: u16, admin_port: u16, data: Option<PathBuf>) -> anyhow::Result<Self> {
        let (data, temporary) = match data {
            Some(data) if data.exists() && !data.is_dir() => {
                anyhow::bail!("`{}` is a file: name a folder with `--data`", data.display())
            }
            Some(data) => (data, None),
            None => {
                let made = Temporary::make()?;
                (made.0.clone(), Some(made))
            }
        };
        let sockets = bind(port, admin_port)?;
        let (server, portal, ready, log) = assemble(&data, sockets)
            .with_context(|| format!("the demo's folder `{}` (`--data`)", data.display()))?;
        Ok(Self { server, portal, ready, _temporary: temporary, _log: log })
    }

    /// Removes the ready file of an earlier demo, which says what is not so yet.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove_ready_file(file: &Path) -> anyhow::Result<()> {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("the ready file {}", file.display()))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes the ready file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_ready_file(&self, file: &Path) -> anyhow::Result<()> {
        let partial = file.with_extension("partial");
        std::fs::write(&partial, serde_json::to_vec_pretty(&self.ready)?)
            .and_then(|()| std::fs::rename(&partial, file))
            .with_context(|| format!("the ready file {}", file.display()))
    }

    /// Runs portal and gateway until they are stopped.
    ///
    /// # Errors
    /// When the portal's thread cannot be started, or a task of the gateway ended.
    pub fn run(self) -> anyhow::Result<()> {
        let stop = self.server.stop_token();
        let portal = self.portal;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("portal".to_owned()).spawn(move || {
            let served =
                runtime.block_on(portcullis_demo_portal::serve(portal, stop.cancelled_owned()));
            if let Err(error) = served {
                tracing::error!(%error, "the sample portal ended");
            }
        })?;
        let ended = self.server.run();
        if thread.join().is_err() {
            tracing::error!("the sample portal failed");
        }
        Ok(ended?)
    }
}

/// A folder of the demo's own.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Temporary {
    fn make() -> std::io::Result<Self> {
        let name = data_encoding::HEXLOWER.encode(&crate::random::bytes::<8>());
        let folder = std::env::temp_dir().join(format!("portcullis-demo-{name}"));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "not removed");
        }
    }
}

/// The gateway over what is in the folder, and samples in it if there is nothing.
fn assemble(data: &Path, sockets: Sockets) -> anyhow::Result<(Server, TcpListener, Ready, Log)> {
    let policies = data.join("policies");
    copy_policy(&policies)?;
    let portal = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the sample portal")?;
    let gateway = sockets.gateway_port();
    let settings = settings(data, &policies, portal.local_addr()?, gateway)?;
    let log = telemetry::start(&settings.telemetry.log)?;
    let server = Server::assemble(&settings, sockets)?;
    let base = settings.server.public_url.as_str().to_owned();
    let (organizations, users) = server.prepare(|parts| async move {
        let directory = &parts.directory;
        if directory.organizations(&PageRequest::parse(None, Some(1))?).await?.items.is_empty() {
            sample_people(directory, clock::now()).await?;
        }
        anyhow::Ok((organizations(directory, &base).await?, users(directory).await?))
    })?;
    let ready = Ready {
        gateway: settings.server.public_url.as_str().to_owned(),
        admin: format!("http://{}", server.admin),
        socket: std::path::absolute(&server.socket)?,
        mail: std::path::absolute(data.join(MAIL))?,
        organizations,
        users,
    };
    Ok((server, portal, ready, log))
}

/// On both loopback addresses, because browsers try either for `localhost`.
fn bind(port: u16, admin_port: u16) -> Result<Sockets, BindError> {
    let four = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, admin_port));
    let mut tries = if port == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        let mut sockets = Sockets::bind((&[four], PORT), (admin, ADMIN_PORT), BACKLOG)?;
        let six = SocketAddr::from((Ipv6Addr::LOCALHOST, sockets.gateway_port()));
        match sockets.add(six, PORT) {
            Ok(()) => return Ok(sockets),
            // A machine without IPv6 is no reason not to start.
            Err(BindError::Tcp { cause, .. }) if is_without_ipv6(&cause) => return Ok(sockets),
            Err(error) if tries == 0 => return Err(error),
            Err(_) => {}
        }
    }
}

fn is_without_ipv6(error: &std::io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT))
}

fn settings(
    data: &Path,
    policies: &Path,
    portal: SocketAddr,
    port: u16,
) -> anyhow::Result<Settings> {
    let set = |key: &str, value: String| (format!("PORTCULLIS__{key}"), value);
    let within = |name: &str| data.join(name).display().to_string();
    let values: HashMap<String, String> = HashMap::from([
        set("SERVER__PUBLIC_URL", format!("http://localhost:{port}")),
        set("SERVER__HOSTS", "127.0.0.1,[::1]".to_owned()),
        set("UPSTREAM__SERVERS", format!("http://{portal}")),
        set("POLICY__DIRECTORY", policies.display().to_string()),
        set("STORE__PATH", within("store")),
        set("ADMIN__SOCKET", within("admin.sock")),
        set("SECRETS__KEY_FILE", within("secret.key")),
        set("MAIL__DIRECTORY", within(MAIL)),
        set("BRANDING__NAME", OPERATOR.to_owned()),
        set("TELEMETRY__DECISIONS", "refused".to_owned()),
        // Whoever edits the policy wants to know that it is in force.
        set("TELEMETRY__LOG", "warn,portcullis::app::policy_watch=info".to_owned()),
    ]);
    Ok(Settings::parse("", Path::new("demo"), &values)?)
}

/// The shipped policy, to be edited while the demo runs; a copy that is there already stays.
fn copy_policy(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for (name, text) in POLICY {
        let file = folder.join(name);
        if !file.exists() {
            std::fs::write(&file, text).with_context(|| file.display().to_string())?;
        }
    }
    Ok(())
}

async fn sample_people(directory: &Directory, now: Timestamp) -> Result<(), DirectoryError> {
    for (id, name) in ORGANIZATIONS {
        let new = NewOrganization {
            id: Some(id.into()),
            name: name.to_owned(),
            email: Some(format!("office@{id}.example")),
        };
        directory.create_organization(new, now).await?;
    }
    for (name, login, group) in PEOPLE {
        let new = NewEndUser { name: name.to_owned(), email: Some(login.to_owned()) };
        let end_user = directory.create_end_user(&"acme".into(), new).await?;
        let new = NewUser {
            organization: "acme".into(),
            end_user: Some(end_user.id),
            group: Some(group.into()),
            password: Some(Secret::new(PASSWORD.to_owned())),
            ..NewUser::default()
        };
        directory.create_user(new, now).await?;
    }
    Ok(())
}

/// The organizations that there are, as many as a page of a list holds.
async fn organizations(
    directory: &Directory,
    base: &str,
) -> Result<Vec<ReadyOrganization>, DirectoryError> {
    let mut shown = Vec::new();
    for organization in directory.organizations(&PageRequest::default()).await?.items {
        let link = directory.link(&organization.id).await?;
        shown.push(ReadyOrganization {
            id: organization.id,
            name: organization.name,
            link: paths::secure_link(base, link.token.expose()),
        });
    }
    Ok(shown)
}

/// The portal users that there are, as many as a page of a list holds. The password of a sample is
/// told as long as it is the right one.
async fn users(directory: &Directory) -> Result<Vec<ReadyUser>, DirectoryError> {
    let password = Secret::new(PASSWORD.to_owned());
    let mut shown = Vec::new();
    for user in directory.users(&UserFilter::All, &PageRequest::default()).await?.items {
        let sample = PEOPLE.iter().any(|(_, login, _)| *login == user.login);
        let known = sample && directory.has_password(&user.login, &password).await?;
        shown.push(ReadyUser {
            password: known.then(|| PASSWORD.to_owned()),
            login: user.login,
            organization: user.organization,
            group: user.group,
        });
    }
    shown.sort_by(|a, b| (&a.organization, &a.login).cmp(&(&b.organization, &b.login)));
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use portcullis_policy::Policy;

    #[test]
    fn the_shipped_policy_meets_its_expectations_and_uses_every_permission() {
        let policy = match Policy::load(Path::new("policies")) {
            Ok(policy) => policy,
            Err(problems) => panic!("{problems}"),
        };
        let all = policy.catalogue().all();
        let unused = policy
            .routes()
            .iter()
            .fold(all, |unused, route| unused.difference(route.permissions()));
        assert!(unused.is_empty(), "{unused:?}");
    }
}

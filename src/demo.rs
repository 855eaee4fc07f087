//! `portcullis demo`: the gateway in front of a sample portal, with sample users.
//!
//! The gateway is the one that `portcullis serve` runs, with settings made here.

mod staff;

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use portcullis_demo_portal::OPERATOR;
use rustix::io::Errno;

use self::staff::{Staff, staff};
use crate::app::{Server, Sockets};
use crate::clock;
use crate::config::{BACKLOG, ListenAddress, Settings};
use crate::credential::secret::Secret;
use crate::directory::accounts::end_users::NewEndUser;
use crate::directory::accounts::organizations::{NewOrganization, OrganizationFilter};
use crate::directory::accounts::user_list::UserFilter;
use crate::directory::accounts::users::NewUser;
use crate::directory::{
    Actor, Change, Directory, DirectoryError, GroupId, OrganizationId, PageRequest,
};
use crate::net::BindError;
use crate::service_manager::{Notifier, PassedSockets};
use crate::telemetry::{self, Log};
use crate::web::paths;

/// The options for the ports, for messages.
const PORT: &str = "--port";
const ADMIN_PORT: &str = "--admin-port";
/// Attempts to find a free port: one that is free for IPv4 may be taken for IPv6.
const TRIES: usize = 16;
/// The directory for mail, in the demo's directory.
const MAIL: &str = "mail";
/// The password of all sample users.
const PASSWORD: &str = "Portcullis-Demo-1";

/// The policy of the sample portal.
const POLICY: [(&str, &str); 4] = [
    ("permissions.toml", include_str!("../policies/permissions.toml")),
    ("groups.toml", include_str!("../policies/groups.toml")),
    ("routes.toml", include_str!("../policies/routes.toml")),
    ("expectations.toml", include_str!("../policies/expectations.toml")),
];

/// The organizations. The first has portal users; the secure links of the others are open.
const ORGANIZATIONS: [(&str, &str); 3] =
    [("acme", "Acme Ltd"), ("globex", "Globex GmbH"), ("initech", "Initech Inc")];

/// A portal user of the first organization for each built-in group: name, login, group.
const PEOPLE: [(&str, &str, &str); 4] = [
    ("Ada Admin", "ada@acme.example", "admin"),
    ("Liam Limited", "liam@acme.example", "limited"),
    ("Nora Nonportal", "nora@acme.example", "non-portal"),
    ("Noah Noaccess", "noah@acme.example", "no-access"),
];

/// A demo that is assembled and listens.
#[derive(Debug)]
pub struct Demo {
    server: Server,
    portal: TcpListener,
    /// Addresses and logins.
    pub ready: Ready,
    /// Removed at exit, if the directory is temporary.
    _temporary: Option<Temporary>,
    _log: Log,
}

/// The contents of the ready file.
#[derive(Debug, Clone, Serialize)]
pub struct Ready {
    /// The gateway's URL.
    pub gateway: String,
    /// The admin API's URL.
    pub admin: String,
    /// The admin socket.
    pub socket: PathBuf,
    /// The directory for mail; only printed.
    #[serde(skip)]
    pub mail: PathBuf,
    /// The organizations.
    pub organizations: Vec<ReadyOrganization>,
    /// The portal users.
    pub users: Vec<ReadyUser>,
    /// The administrator and the token.
    #[serde(flatten)]
    pub staff: Staff,
}

/// An organization.
#[derive(Debug, Clone, Serialize)]
pub struct ReadyOrganization {
    /// The id.
    pub id: OrganizationId,
    /// The name.
    pub name: String,
    /// The secure link.
    pub link: String,
}

/// A portal user.
#[derive(Debug, Clone, Serialize)]
pub struct ReadyUser {
    /// The login.
    pub login: String,
    /// The password, unless it has been changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The organization's id.
    pub organization: OrganizationId,
    /// The group's id.
    pub group: GroupId,
}

impl Demo {
    /// Assembles a demo on these ports (0: any), with its data in `data` or in a temporary directory.
    ///
    /// # Errors
    /// When the gateway cannot start.
    pub fn start(port: u16, admin_port: u16, data: Option<PathBuf>) -> anyhow::Result<Self> {
        let (data, temporary) = match data {
            Some(data) if data.exists() && !data.is_dir() => {
                anyhow::bail!("`{}` is a file; `--data` needs a directory", data.display())
            }
            Some(data) => (data, None),
            None => {
                let made = Temporary::create()?;
                (made.0.clone(), Some(made))
            }
        };
        let sockets = bind(port, admin_port)?;
        let (server, portal, ready, log) = assemble(&data, sockets)
            .with_context(|| format!("cannot use the directory `{}` (`--data`)", data.display()))?;
        Ok(Self { server, portal, ready, _temporary: temporary, _log: log })
    }

    /// Removes the ready file of an earlier demo.
    ///
    /// # Errors
    /// When it exists and cannot be removed.
    pub fn remove_ready_file(file: &Path) -> anyhow::Result<()> {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)
                .with_context(|| format!("cannot write the ready file `{}`", file.display())),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes the ready file atomically.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_ready_file(&self, file: &Path) -> anyhow::Result<()> {
        let partial = file.with_extension("partial");
        std::fs::write(&partial, serde_json::to_vec_pretty(&self.ready)?)
            .and_then(|()| std::fs::rename(&partial, file))
            .with_context(|| format!("cannot write the ready file `{}`", file.display()))
    }

    /// Runs portal and gateway until they are stopped.
    ///
    /// # Errors
    /// When the portal cannot start, or a task of the gateway has ended.
    pub fn run(self) -> anyhow::Result<()> {
        let tasks = self.server.tasks();
        let stop = tasks.stop().clone();
        let portal = self.portal;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("portal".to_owned()).spawn(move || {
            runtime.block_on(tasks.supervise("sample portal", async {
                let served = portcullis_demo_portal::serve(portal, stop.cancelled_owned()).await;
                if let Err(error) = served {
                    tracing::error!(%error, "the sample portal stopped with an error");
                }
            }));
        })?;
        let ended = self.server.run();
        // Supervision has caught and reported a panic.
        let _ = thread.join();
        Ok(ended?)
    }
}

/// A temporary directory, removed on drop.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Temporary {
    fn create() -> std::io::Result<Self> {
        let name = data_encoding::HEXLOWER.encode(&crate::random::bytes::<8>());
        let folder = std::env::temp_dir().join(format!("portcullis-demo-{name}"));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "cannot remove the temporary directory");
        }
    }
}

/// Assembles the gateway over the data in a directory. Adds samples to an empty directory.
fn assemble(data: &Path, sockets: Sockets) -> anyhow::Result<(Server, TcpListener, Ready, Log)> {
    let policies = data.join("policies");
    copy_policy(&policies)?;
    let portal = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the sample portal")?;
    let gateway = sockets.gateway_port();
    let settings = settings(data, &policies, portal.local_addr()?, gateway)?;
    let log = telemetry::start(&settings.telemetry.log)?;
    let server = Server::assemble(&settings, sockets, (None, Notifier::default()))?;
    let base = settings.server.public_url.as_str().to_owned();
    let (organizations, users, staff) = server.prepare(|directory| async move {
        let directory = &directory;
        let change = Change::new(Actor::System("demo"), clock::now());
        if directory
            .organizations()
            .list(&OrganizationFilter::default(), &PageRequest::parse(None, Some(1))?)
            .await?
            .items
            .is_empty()
        {
            sample_people(directory, &change).await?;
        }
        let staff = staff(directory, PASSWORD, &change).await?;
        anyhow::Ok((organizations(directory, &base).await?, users(directory).await?, staff))
    })?;
    let ready = Ready {
        gateway: settings.server.public_url.as_str().to_owned(),
        admin: format!("http://{}", server.admin),
        socket: std::path::absolute(&server.socket)?,
        mail: std::path::absolute(data.join(MAIL))?,
        organizations,
        users,
        staff,
    };
    Ok((server, portal, ready, log))
}

/// Listens on both loopback addresses, because browsers use either for `localhost`.
fn bind(port: u16, admin_port: u16) -> Result<Sockets, BindError> {
    let four = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, admin_port));
    let mut tries = if port == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        let passed = PassedSockets::default();
        let mut sockets = Sockets::bind(
            passed,
            (&[ListenAddress::Tcp(four)], PORT),
            (admin, ADMIN_PORT),
            BACKLOG,
        )?;
        let six = SocketAddr::from((Ipv6Addr::LOCALHOST, sockets.gateway_port()));
        match sockets.add(six, PORT) {
            Ok(()) => return Ok(sockets),
            // Without IPv6, IPv4 suffices.
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
        // Reports when an edited policy is in force.
        set("TELEMETRY__LOG", "warn,portcullis::app::policy_watch=info".to_owned()),
    ]);
    Ok(Settings::parse("", Path::new("demo"), &values)?)
}

/// Copies the policy, to be edited while the demo runs. Files that exist are kept.
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

async fn sample_people(directory: &Directory, change: &Change) -> Result<(), DirectoryError> {
    for (id, name) in ORGANIZATIONS {
        let new = NewOrganization {
            id: Some(id.into()),
            name: name.to_owned(),
            email: Some(format!("office@{id}.example")),
        };
        directory.organizations().create(new, change).await?;
    }
    for (name, login, group) in PEOPLE {
        let new = NewEndUser { name: name.to_owned(), email: Some(login.to_owned()) };
        let end_user = directory.end_users().create(&"acme".into(), new, change).await?;
        let new = NewUser {
            organization: "acme".into(),
            end_user: Some(end_user.id),
            group: Some(group.into()),
            password: Some(Secret::new(PASSWORD.to_owned())),
            ..NewUser::default()
        };
        directory.users().create(new, change).await?;
    }
    Ok(())
}

/// The organizations, at most one page of the list.
async fn organizations(
    directory: &Directory,
    base: &str,
) -> Result<Vec<ReadyOrganization>, DirectoryError> {
    let mut shown = Vec::new();
    for organization in directory
        .organizations()
        .list(&OrganizationFilter::default(), &PageRequest::default())
        .await?
        .items
    {
        let link = directory.secure_links().get(&organization.id).await?;
        shown.push(ReadyOrganization {
            id: organization.id,
            name: organization.name,
            link: paths::secure_link(base, link.token.expose()),
        });
    }
    Ok(shown)
}

/// The portal users, at most one page of the list, with the password of the samples for whom it
/// still works.
async fn users(directory: &Directory) -> Result<Vec<ReadyUser>, DirectoryError> {
    let password = Secret::new(PASSWORD.to_owned());
    let mut shown = Vec::new();
    for user in directory.users().list(&UserFilter::default(), &PageRequest::default()).await?.items
    {
        let sample = PEOPLE.iter().any(|(_, login, _)| *login == user.login);
        let known = sample && directory.sign_in().has_password(&user.login, &password).await?;
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
    fn the_shipped_policy_is_valid_and_uses_every_permission() {
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

//! `portcullis init`: settings and a starter policy in a new folder.
//!
//! What is written passes `portcullis check`, and the gateway runs in that folder without options.
//! Existing files are never changed.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use super::settings::DEFAULT_FILE;
use super::terminal::escaped;
use super::usage::WrongUsage;
use crate::config::{PublicUrl, UpstreamServer};
use crate::email;

/// The policy files by name.
const POLICY: [(&str, &str); 4] = [
    ("permissions.toml", include_str!("../../templates/starter/permissions.toml")),
    ("groups.toml", include_str!("../../templates/starter/groups.toml")),
    ("routes.toml", include_str!("../../templates/starter/routes.toml")),
    ("expectations.toml", include_str!("../../templates/starter/expectations.toml")),
];

/// What is asked at a terminal where the option is not given.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder, which is created if it does not exist. No file in it is overwritten
    dir: PathBuf,
    /// The business name that portal users see
    #[arg(long)]
    name: Option<Name>,
    /// The URL by which browsers reach the gateway, such as `https://portal.example.com`
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// The portal's address, such as `http://127.0.0.1:9000`
    #[arg(long, value_name = "URL")]
    upstream: Option<UpstreamServer>,
}

/// A name of one line that is not empty.
#[derive(Debug, Clone)]
struct Name(String);

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err("a name is required");
        }
        if text.chars().any(char::is_control) {
            return Err("must be a name of one line");
        }
        Ok(Self(text.to_owned()))
    }
}

impl InitArgs {
    /// Writes the files and prints what to do next.
    pub(super) fn run(self, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
        let Self { dir, name, public_url, upstream } = self;
        let policy = POLICY.map(|(name, text)| (Path::new("policies").join(name), text.to_owned()));
        refuse_existing(&dir, policy.iter().map(|(path, _)| path.as_path()))?;
        let missing: Vec<_> = [
            ("`--name`", name.is_none()),
            ("`--public-url`", public_url.is_none()),
            ("`--upstream`", upstream.is_none()),
        ]
        .into_iter()
        .filter_map(|(option, is_missing)| is_missing.then_some(option))
        .collect();
        if !missing.is_empty() && !io::stdin().is_terminal() {
            let verb = if missing.len() == 1 { "is" } else { "are" };
            let missing = missing.join(", ");
            let message = format!("{missing} {verb} required if standard input is not a terminal");
            return Err(WrongUsage(message).into());
        }
        let Name(name) =
            given_or_asked(name, "a name", "Name that portal users see (e.g. Example IT)")?;
        let public_url = given_or_asked(
            public_url,
            "a URL",
            "URL by which browsers reach the gateway (e.g. https://portal.example.com or \
             http://localhost:8080)",
        )?;
        let upstream = given_or_asked(
            upstream,
            "an address",
            "Address of the portal (e.g. http://127.0.0.1:9000)",
        )?;
        let settings = settings(&name, &public_url, &upstream)?;
        write_new(&dir, Path::new(DEFAULT_FILE), &settings)?;
        for (path, text) in &policy {
            write_new(&dir, path, text)?;
        }
        if json {
            let files = [Path::new(DEFAULT_FILE)].into_iter();
            let files: Vec<_> =
                files.chain(policy.iter().map(|(path, _)| path.as_path())).collect();
            writeln!(out, "{}", json!({ "directory": dir, "files": files }))?;
            return Ok(());
        }
        let shown = dir.display().to_string();
        let shown = escaped(&shown);
        writeln!(
            out,
            "Created {shown}/{DEFAULT_FILE} and a starter policy in {shown}/policies: users of the \
             Limited Portal Group, the default, can view the portal; users of the Admin Portal Group \
             can also change something in it; all others are denied.\n\n\
             Next:\n  \
             cd {shown}\n  \
             portcullis check\n  \
             portcullis serve\n\n\
             Then, in the same folder in another terminal:\n  \
             portcullis organizations create \"Acme Ltd\" --id acme\n  \
             portcullis users create acme --login you@example.com --invite\n\n\
             Emails are files in {shown}/mail until `mail.transport` is \"smtp\"."
        )?;
        Ok(())
    }
}

/// The option's value, or the answer to a question at the terminal.
fn given_or_asked<T>(given: Option<T>, what: &str, question: &str) -> anyhow::Result<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    if let Some(given) = given {
        return Ok(given);
    }
    loop {
        write!(io::stderr(), "{question}: ")?;
        let mut answer = String::new();
        if io::stdin().lock().read_line(&mut answer)? == 0 {
            bail!("aborted; nothing was created");
        }
        match answer.trim() {
            "" => writeln!(io::stderr(), "{what} is required")?,
            answer => match answer.parse() {
                Ok(value) => return Ok(value),
                Err(error) => writeln!(io::stderr(), "`{}` {error}", escaped(answer))?,
            },
        }
    }
}

fn refuse_existing<'p>(dir: &Path, policy: impl Iterator<Item = &'p Path>) -> anyhow::Result<()> {
    if dir.is_file() {
        bail!("`{}` is a file; name a folder", dir.display());
    }
    for path in policy.chain([Path::new(DEFAULT_FILE)]) {
        let path = dir.join(path);
        if path.symlink_metadata().is_ok() {
            bail!("`{}` exists, and no file is overwritten; name another folder", path.display());
        }
    }
    Ok(())
}

fn write_new(dir: &Path, path: &Path, text: &str) -> anyhow::Result<()> {
    let path = dir.join(path);
    let write = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        file.write_all(text.as_bytes())
    };
    write().with_context(|| format!("`{}` cannot be created", path.display()))
}

/// The settings file.
fn settings(
    name: &str,
    public_url: &PublicUrl,
    upstream: &UpstreamServer,
) -> anyhow::Result<String> {
    let host = public_url.host();
    let is_local = matches!(host.name(), "localhost" | "127.0.0.1" | "[::1]");
    let (listen, tls) = if public_url.is_https() {
        let tls = "\
            # The web server on this machine that ends TLS and forwards to the address above.\n\
            trusted_proxies = [\"127.0.0.1\", \"::1\"]\n\
            # To end TLS here instead, remove that line and set:\n\
            # listen = [\"0.0.0.0:443\"]\n\
            # tls = { certificate = \"portal.crt\", key = \"portal.key\" }\n";
        ("127.0.0.1:8080".to_owned(), tls)
    } else {
        let address = if is_local { "127.0.0.1" } else { "0.0.0.0" };
        (format!("{address}:{}", host.port().unwrap_or(80)), "")
    };
    let address = &upstream.address;
    if *address == listen || is_local && *address == listen.replace("127.0.0.1", "localhost") {
        bail!(
            "the gateway and the portal cannot both listen on {address}; choose another port for \
             one of them"
        );
    }
    // A JSON string is a TOML string too.
    let name = serde_json::to_string(name)?;
    let server = serde_json::to_string(&upstream.setting())?;
    let sender = format!("portal@{}", host.name());
    let from = match email::address(&sender) {
        Ok(_) => format!("from = \"{sender}\"\n"),
        Err(_) => String::new(),
    };
    Ok(format!(
        "# Settings of this gateway. `portcullis config show` lists every key. Relative paths are\n\
         # relative to the folder in which portcullis is started.\n\
         \n\
         [server]\n\
         public_url = \"{}\"\n\
         listen = [\"{listen}\"]\n\
         {tls}\
         \n\
         [upstream]\n\
         # The portal. Make it reachable only through the gateway.\n\
         servers = [{server}]\n\
         \n\
         [branding]\n\
         name = {name}\n\
         # contact = \"help@example.com\"\n\
         \n\
         [mail]\n\
         {from}\
         # Each email is a file in mail/. To send it instead:\n\
         # transport = \"smtp\"\n\
         # smtp = {{ host = \"mail.example.com\", username = \"portal\", password_file = \"smtp.password\" }}\n",
        public_url.as_str(),
    ))
}

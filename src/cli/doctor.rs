//! `portcullis doctor`: whether the deployment protects its portal.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use http::Method;
use http::header::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;

use super::client::{Client, Silent, path};
use super::impact::counted;
use super::screen::{Screen, Style};
use super::settings::{file, read};
use super::usage::WrongUsage;
use crate::check::{Problem, Report};
use crate::clock;
use crate::config::PublicUrl;
use crate::doctor::{AdminApi, AdminError, Deployment, Examination, Finding, Severity, examine};

/// The longest time for a part of a response of the running gateway.
const PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of `portcullis doctor`.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// The public URL [default: `server.public_url`]
    #[arg(long, value_name = "URL")]
    url: Option<PublicUrl>,
    /// Connect there for the public URL, instead of to the address of its name
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    connect_to: Option<String>,
    /// A URL at which the portal must not respond to this machine; may be repeated
    #[arg(long, value_name = "URL")]
    portal: Vec<PublicUrl>,
    /// A path to probe besides those of the routes; may be repeated
    #[arg(long, value_name = "PATH", value_parser = a_path)]
    path: Vec<String>,
    /// A header for requests to the portal, such as `Portcullis-User: ada`; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    portal_header: Vec<(String, String)>,
    /// Also send POST requests to the portal, to find out which method overrides it follows
    #[arg(long)]
    allow_writes: bool,
    /// Listen there in place of the portal, and look at what it gets of spoofed headers
    #[arg(
        long,
        value_name = "HOST:PORT",
        value_parser = host_and_port,
        conflicts_with_all = ["allow_writes", "write_settings"]
    )]
    as_portal: Option<String>,
    /// Write the settings that suit what was seen of the portal to a new file
    #[arg(long, value_name = "FILE")]
    write_settings: Option<PathBuf>,
}

impl DoctorArgs {
    /// Runs the probes and prints what they find, a line each, or as JSON.
    ///
    /// # Errors
    /// When a finding is an error, or the settings to write cannot be written.
    pub fn run(
        self,
        named: Option<&Path>,
        socket: Option<PathBuf>,
        json: bool,
        out: &mut dyn Screen,
    ) -> anyhow::Result<()> {
        let now = clock::now();
        let report = self.report(named)?;
        let of_settings = report.as_ref().and_then(|report| report.valid.as_ref());
        let socket = socket.or_else(|| Some(of_settings?.settings.admin.socket.clone()));
        let admin = Admin(Client::new(socket.unwrap_or_default())?.within(PATIENCE));
        let Self { url, connect_to, portal, path, portal_header, .. } = self;
        let deployment = Deployment {
            report: report.as_ref(),
            url,
            connect_to,
            portals: portal,
            paths: path,
            portal_headers: portal_header,
            allow_writes: self.allow_writes,
            as_portal: self.as_portal,
            admin: &admin,
            now,
        };
        let found = examine(&deployment);
        let settings = found.readings.as_ref().map(|readings| readings.settings(now));
        if json {
            serde_json::to_writer_pretty(&mut *out, &Document::of(&found, settings.as_deref()))?;
            writeln!(out)?;
        } else {
            print(&found, out)?;
        }
        if let Some(file) = &self.write_settings {
            write_settings(file, settings.as_deref())?;
        }
        match found.count(Severity::Error) {
            0 => Ok(()),
            1 => anyhow::bail!("1 finding is an error"),
            errors => anyhow::bail!("{errors} findings are errors"),
        }
    }

    /// What `check` finds. `None` without settings, if there is something else to examine.
    fn report(&self, named: Option<&Path>) -> anyhow::Result<Option<Report>> {
        let of = file(named);
        let report = match read(named) {
            Ok((settings, references)) => {
                if settings.is_err() && of.is_none() {
                    if self.url.is_some() || !self.portal.is_empty() {
                        return Ok(None);
                    }
                    let error = settings.err().map(|error| format!("{error:#}"));
                    return Err(WrongUsage(format!(
                        "there is nothing to examine; name the settings with --config, or a URL with \
                         --url: {}",
                        error.unwrap_or_default()
                    ))
                    .into());
                }
                Report::of(settings, &references, of, (false, clock::now()))
            }
            Err(error) => Report::unread(Problem::of_settings(&error, of)),
        };
        Ok(Some(report))
    }
}

/// The admin socket.
struct Admin(Client);

impl AdminApi for Admin {
    fn status(&self) -> Result<Value, AdminError> {
        self.get("status")
    }

    fn marked(&self) -> Result<Value, AdminError> {
        self.get("doctor")
    }
}

impl Admin {
    fn get(&self, what: &str) -> Result<Value, AdminError> {
        let document = self.0.send(Method::GET, &path(&[what]), None, None);
        document.map_err(|error| match error.downcast_ref::<Silent>() {
            Some(silent) => AdminError::Silent(silent.to_string()),
            None => AdminError::Failed(format!("{error:#}")),
        })
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'f> {
    ok: bool,
    findings: &'f [Finding],
    /// The proposed settings, in TOML.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<&'f str>,
}

impl<'f> Document<'f> {
    fn of(found: &'f Examination, settings: Option<&'f str>) -> Self {
        let ok = found.count(Severity::Error) == 0;
        Self { ok, findings: &found.findings, settings }
    }
}

fn print(found: &Examination, out: &mut dyn Screen) -> io::Result<()> {
    for finding in &found.findings {
        let label = format!("{}[{}]:", finding.severity.as_str(), finding.name);
        match finding.severity {
            Severity::Error => out.styled(Style::Error, &label)?,
            Severity::Warning => out.styled(Style::Warning, &label)?,
            Severity::Ok | Severity::Note => out.write_all(label.as_bytes())?,
        }
        writeln!(out, " {}", finding.sentences())?;
    }
    let number = |severity, noun| counted(found.count(severity), noun);
    writeln!(
        out,
        "{}, {}, {}, {} ok",
        number(Severity::Error, "error"),
        number(Severity::Warning, "warning"),
        number(Severity::Note, "note"),
        found.count(Severity::Ok)
    )
}

/// Writes the settings to a file that does not exist yet.
fn write_settings(file: &Path, settings: Option<&str>) -> anyhow::Result<()> {
    let settings = settings.context(
        "there are no settings to write: no path of the portal could be probed; name some with --path",
    )?;
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut file| file.write_all(settings.as_bytes()));
    written.with_context(|| format!("cannot write `{}`", file.display()))
}

fn host_and_port(text: &str) -> Result<String, String> {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && is_port(port) => Ok(text.to_owned()),
        _ => Err("is not a host and a port (e.g. `127.0.0.1:8080`)".to_owned()),
    }
}

fn a_path(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_path && !text.contains(['?', '#']) {
        return Ok(text.to_owned());
    }
    Err("is not a path (e.g. `/tickets/new`), with other characters escaped".to_owned())
}

fn header(text: &str) -> Result<(String, String), String> {
    let wrong = || "is not a header (e.g. `Portcullis-User: ada`)".to_owned();
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let (name, value) = (name.trim(), value.trim());
    let name: HeaderName = name.parse().map_err(|_| wrong())?;
    HeaderValue::from_str(value).map_err(|_| wrong())?;
    Ok((name.to_string(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_paths_are_checked() {
        let expected = ("x-user".to_owned(), "ada: b".to_owned());
        assert_eq!(header("X-User: ada: b"), Ok(expected));
        for wrong in ["X-User", "X User: a", "X-User: a\r\nb: c", ": a"] {
            assert!(header(wrong).is_err(), "{wrong}");
        }
        for right in ["127.0.0.1:80", "[::1]:8080", "portal.example.com:443"] {
            assert_eq!(host_and_port(right), Ok(right.to_owned()));
        }
        for wrong in ["nope", ":80", "a:", "a:0", "a:65536", "a:b", "http://a"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
        assert_eq!(a_path("/a//b;c"), Ok("/a//b;c".to_owned()));
        for wrong in ["a", "/a b", "/a?b", "/ä", "/a\r\n"] {
            assert!(a_path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn settings_never_replace_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("portal.toml");
        write_settings(&file, Some("a = 1\n")).unwrap();
        let error = write_settings(&file, Some("a = 2\n")).unwrap_err();
        assert!(error.to_string().contains("portal.toml"), "{error:#}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a = 1\n");
        assert!(write_settings(&folder.path().join("other"), None).is_err());
    }
}

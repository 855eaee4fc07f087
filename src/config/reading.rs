//! From the sources to [`Settings`], or to what can be looked at although they are wrong.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::{
    Admin, Branding, Decisions, KEY_FILE, PolicySource, Problem, Problems, Settings, StoreSettings,
    Telemetry, Tls, check_pass_headers, hashing, identity, mail, max_staleness, passwords,
    portal_cookies, server, session, tls, upstream,
};

/// Settings as they were read.
#[derive(Debug)]
pub struct Reading {
    /// The settings, when nothing is wrong with them.
    pub settings: Result<Settings, Problems>,
    /// What they name.
    pub named: Named,
}

/// What settings name that can be right or wrong by itself. Each is there if its own keys are in
/// order, whatever is wrong with others.
#[derive(Debug)]
pub struct Named {
    /// `policy.directory`
    pub policy: Option<PathBuf>,
    /// `server.tls`
    pub tls: Option<Tls>,
    /// `branding`
    pub branding: Option<Branding>,
    /// `mail.templates`
    pub templates: Option<PathBuf>,
    /// `telemetry.log`
    pub log: Option<String>,
}

impl Reading {
    /// Reads the file and the environment.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub fn load(file: &Path, environment: &HashMap<String, String>) -> Result<Self, Problems> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Problems(vec![Problem {
                key: file.display().to_string(),
                message: format!("cannot be read: {error}; name another with --config"),
            }])
        })?;
        Self::parse(&text, file, environment)
    }

    /// The same from a text; `file` is only named in problems.
    ///
    /// # Errors
    /// When the text is not TOML.
    pub fn parse(
        text: &str,
        file: &Path,
        environment: &HashMap<String, String>,
    ) -> Result<Self, Problems> {
        let mut r = Reader::new(text, file, environment)?;
        let tls = tls(&mut r);
        let server = server(&mut r, tls.clone());
        let upstream = upstream(&mut r);
        r.word("policy.mode", &[("enforce", ())], ());
        r.word("store.kind", &[("sled", ())], ());
        let policy = PolicySource { directory: r.path("policy.directory", "policies") };
        let store = StoreSettings {
            path: r.path("store.path", "data"),
            max_staleness: max_staleness(&mut r),
        };
        let admin = Admin {
            listen: r.parsed("admin.listen").unwrap_or_else(|| ([127, 0, 0, 1], 8081).into()),
            socket: r.path("admin.socket", "data/admin.sock"),
        };
        let session = session(&mut r);
        let portal_cookies = portal_cookies(&mut r);
        let hashing = hashing(&mut r);
        let passwords = passwords::passwords(&mut r);
        let key_file = r.path("secrets.key_file", KEY_FILE);
        let templates = r.named_path("mail.templates");
        let mail = mail::mail(&mut r, templates.clone());
        let identity = identity(&mut r);
        if let Some(upstream) = &upstream {
            check_pass_headers(&mut r, &upstream.pass_headers, &identity);
        }
        let branding = Branding::read(&mut r);
        let telemetry = Telemetry {
            log: r.text("telemetry.log").unwrap_or_else(|| "info".to_owned()),
            decisions: r.word(
                "telemetry.decisions",
                &[("all", Decisions::All), ("refused", Decisions::Refused)],
                Decisions::All,
            ),
        };
        let named = Named {
            policy: r.sound("policy.directory").then(|| policy.directory.clone()),
            tls: tls.filter(|_| r.sound("server.tls")),
            branding: r.sound("branding").then(|| branding.clone()),
            templates: templates.filter(|_| r.sound("mail.templates")),
            log: r.sound("telemetry.log").then(|| telemetry.log.clone()),
        };
        let settings = r.finish().and_then(|()| {
            // What is missing has been told as a problem.
            let (Some(server), Some(upstream), Some(mail)) = (server, upstream, mail) else {
                return Err(Problems(Vec::new()));
            };
            Ok(Settings {
                server,
                upstream,
                policy,
                store,
                admin,
                session,
                portal_cookies,
                hashing,
                passwords,
                key_file,
                mail,
                identity,
                branding,
                telemetry,
            })
        });
        Ok(Self { settings, named })
    }
}

//! From the sources to [`Settings`], and to what can be checked even if they have errors.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::admin::Admin;
use super::audit::Audit;
use super::backup::ScheduledBackups;
use super::branding::Branding;
use super::check::allowed;
use super::credentials::{Passwords, hashing, key_file};
use super::effective::EffectiveSetting;
use super::forward_auth::ForwardAuth;
use super::identity::{IdentitySettings, check_pass_headers};
use super::ignored_variable::IgnoredVariable;
use super::mail::Mail;
use super::problem::{Problem, Problems};
use super::reader::Reader;
use super::server::Server;
use super::session::{SessionLimits, impersonation_read_only, portal_cookies, tokens};
use super::settings::Settings;
use super::store::{PolicySource, StoreSettings};
use super::telemetry::Telemetry;
use super::tls::Tls;
use super::upstream::Upstream;

impl Settings {
    /// Reads the text of a settings file and the environment. `file` appears in problems only.
    ///
    /// # Errors
    /// All problems, in the order of the sections.
    pub fn parse(
        text: &str,
        file: &Path,
        environment: &HashMap<String, String>,
    ) -> Result<Self, Problems> {
        Loaded::parse(text, file, environment)?.settings
    }
}

/// The result of reading the settings.
#[derive(Debug)]
pub struct Loaded {
    /// The settings, or everything that is wrong with them.
    pub settings: Result<Settings, Problems>,
    /// What they refer to.
    pub references: References,
    /// Every key with the value that takes effect, if the settings are valid.
    pub effective: Vec<EffectiveSetting>,
}

/// What can be checked beside the settings: the files that they refer to, and variables that look
/// like settings. Each file is present if its own keys are valid, even if
/// others are not, so that `portcullis check` can report on it in the same run.
#[derive(Debug)]
pub struct References {
    /// `policy.directory`
    pub policy: Option<PathBuf>,
    /// `server.tls`, `server.certificates` and `admin.tls`
    pub certificates: Vec<Tls>,
    /// `branding`
    pub branding: Option<Branding>,
    /// `mail.templates`
    pub templates: Option<PathBuf>,
    /// Environment variables that are not read.
    pub ignored_variables: Vec<IgnoredVariable>,
}

impl Loaded {
    /// Reads a file and the environment.
    ///
    /// # Errors
    /// If the file cannot be read or is not TOML.
    pub fn from_file(file: &Path, environment: &HashMap<String, String>) -> Result<Self, Problems> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Problems(vec![Problem {
                key: file.display().to_string(),
                message: format!("cannot be read: {error}; use --config to name another file"),
            }])
        })?;
        Self::parse(&text, file, environment)
    }

    /// The same for the text of a file; `file` appears in problems only.
    ///
    /// # Errors
    /// If the text is not TOML.
    pub fn parse(
        text: &str,
        file: &Path,
        environment: &HashMap<String, String>,
    ) -> Result<Self, Problems> {
        let mut r = Reader::new(text, file, environment)?;
        let tls = Tls::read(&mut r, "server");
        let further = Tls::read_further(&mut r);
        let server = Server::read(&mut r, tls.clone(), further.clone());
        let forward_auth = ForwardAuth::read(&mut r, server.as_ref());
        let upstream = Upstream::read(&mut r, forward_auth.enabled);
        let policy = PolicySource::read(&mut r);
        let store = StoreSettings::read(&mut r);
        let admin_tls = Tls::read(&mut r, "admin");
        let admin = Admin::read(&mut r, admin_tls.clone());
        let session = SessionLimits::read(&mut r);
        let tokens_by_users = tokens(&mut r);
        let impersonation_read_only = impersonation_read_only(&mut r);
        let portal_cookies = portal_cookies(&mut r);
        let hashing = hashing(&mut r);
        let passwords = Passwords::read(&mut r);
        let key_file = key_file(&mut r);
        let audit = Audit::read(&mut r, &key_file);
        let backup = ScheduledBackups::read(&mut r, &store.path);
        let templates = r.optional_path("mail.templates");
        let mail = Mail::read(&mut r, templates.clone());
        let identity = IdentitySettings::read(&mut r);
        if let Some(upstream) = &upstream {
            check_pass_headers(&mut r, &upstream.pass_headers, &identity);
        }
        let branding = Branding::read(&mut r);
        let telemetry = Telemetry::read(&mut r);
        let allowed_warnings = allowed(&mut r);
        let references = References {
            policy: r.is_valid("policy.directory").then(|| policy.directory.clone()),
            certificates: tls
                .into_iter()
                .chain(further)
                .chain(admin_tls)
                .filter(|tls| r.is_valid(&tls.at))
                .collect(),
            branding: r.is_valid("branding").then(|| branding.clone()),
            templates: templates.filter(|_| r.is_valid("mail.templates")),
            ignored_variables: r.ignored_variables(environment),
        };
        let effective = r.effective();
        let settings = r.finish().and_then(|()| {
            // Unreachable: `finish` has returned the problem of a missing section.
            let (Some(server), Some(upstream), Some(mail)) = (server, upstream, mail) else {
                return Err(Problems(Vec::new()));
            };
            Ok(Settings {
                server,
                forward_auth,
                upstream,
                policy,
                store,
                admin,
                session,
                tokens_by_users,
                impersonation_read_only,
                portal_cookies,
                hashing,
                passwords,
                key_file,
                audit,
                backup,
                mail,
                identity,
                branding,
                telemetry,
                allowed_warnings,
            })
        });
        Ok(Self { settings, references, effective })
    }
}

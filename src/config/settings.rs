//! All settings together.

use std::path::PathBuf;

use super::admin::Admin;
use super::audit::Audit;
use super::backup::ScheduledBackups;
use super::branding::Branding;
use super::check::AllowedWarning;
use super::cookie_names::CookieNames;
use super::credentials::Passwords;
use super::forward_auth::ForwardAuth;
use super::identity::IdentitySettings;
use super::mail::Mail;
use super::server::Server;
use super::session::SessionLimits;
use super::store::{PolicySource, StoreSettings};
use super::telemetry::Telemetry;
use super::tls::Tls;
use super::upstream::Upstream;
use crate::credential::hashing::HashingSettings;

/// All settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[server]`: the gateway's own listeners.
    pub server: Server,
    /// `[forward_auth]`: requests that another proxy asks about.
    pub forward_auth: ForwardAuth,
    /// `[upstream]`: the portal.
    pub upstream: Upstream,
    /// `[policy]`: the policy files.
    pub policy: PolicySource,
    /// `[store]`: where records are kept.
    pub store: StoreSettings,
    /// `[admin]`: the admin API.
    pub admin: Admin,
    /// `[session]`: lifetimes of sessions.
    pub session: SessionLimits,
    /// `session.tokens`: whether portal users can create tokens for programs themselves. Otherwise
    /// only operators can, and those that users have created are invalid.
    pub tokens_by_users: bool,
    /// `session.impersonation_read_only`: whether staff that acts as a portal user may only read.
    pub impersonation_read_only: bool,
    /// `session.portal_cookies`: cookies of the portal that end with a session.
    pub portal_cookies: CookieNames,
    /// `[hashing]`: the cost of password hashes.
    pub hashing: HashingSettings,
    /// `[passwords]`: lifetimes of mailed links.
    pub passwords: Passwords,
    /// `secrets.key_file`: the file of the secret key.
    pub key_file: PathBuf,
    /// `[audit]`: the audit log.
    pub audit: Audit,
    /// `[backup]`: backups that the gateway makes by itself; `None` without `backup.directory`.
    pub backup: Option<ScheduledBackups>,
    /// `[mail]`: how mail is sent.
    pub mail: Mail,
    /// `[identity]`: what the portal learns about the caller.
    pub identity: IdentitySettings,
    /// `[branding]`: name, logo and colours of the pages.
    pub branding: Branding,
    /// `[telemetry]`: what is logged.
    pub telemetry: Telemetry,
    /// `check.allow`: warnings that are allowed.
    pub allowed_warnings: Vec<AllowedWarning>,
}

impl Settings {
    /// The gateway's certificates: those of `server` in the order of their settings, that of `admin`,
    /// and the one that the portal's servers get.
    pub fn certificates(&self) -> impl Iterator<Item = &Tls> {
        let listeners = self.server.all_certificates().chain(&self.admin.tls);
        listeners.chain(&self.upstream.tls.client)
    }
}

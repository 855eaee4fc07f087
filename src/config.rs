//! Settings: one TOML file, overridden by the environment, read into a [`Settings`] in which
//! everything that is required is present.
//!
//! Inputs are the text of the file, a map of the environment, and the files that hold secrets
//! (`<key>_file`). Every problem is reported at once, each with its key, what is wrong and what is
//! expected. The reference for operators is `docs/configuration.md`.
//!
//! Each section has a module with its struct and one function that reads it. There is no second
//! struct in the shape of the file for serde: its deserializers stop at the first error, and
//! `portcullis check` reports all of them.
//!
//! | module | holds |
//! |---|---|
//! | `source` | the merged sources, and which of them sets a key |
//! | `reader` | reads single keys and collects problems |
//! | `effective` | the values that take effect |
//! | `warning_name`, `ignored_variable` | names of warnings, and variables that are not read |
//! | `suggestion` | what an unknown key may have been meant to be |
//! | `value` | types of values that several sections use |
//! | `settings`, `load` | all sections, and how they are read |
//! | `problem` | what is reported |
//! | `server`, `tls`, `limits`, `forward_auth`, `upstream`, `store`, `admin`, `session`, `credentials`, `backup`, `mail`, `identity`, `branding`, `telemetry`, `check` | the sections |
//! | `upstream_server`, `upstream_tls`, `health_check` | the servers of `upstream`, TLS to them, and how they are checked |
//! | `served_hosts` | the hosts of `server`, and comparison with them |
//! | `contact`, `page_links` | where pages say to ask for help, and the links at their foot |
//! | `public_url`, `cookie_names`, `header_names`, `field_encoding`, `colour` | types of single values |

mod admin;
mod audit;
mod backup;
pub mod branding;
mod check;
pub mod colour;
mod contact;
mod cookie_names;
mod credentials;
mod effective;
pub mod field_encoding;
mod forward_auth;
pub mod header_names;
mod health_check;
mod identity;
mod ignored_variable;
mod limits;
mod listen_address;
mod load;
mod mail;
mod page_links;
mod peer_set;
mod problem;
mod public_url;
mod reader;
mod served_hosts;
mod server;
mod session;
mod settings;
mod source;
mod store;
mod suggestion;
mod telemetry;
mod tls;
mod unix_path;
mod upstream;
mod upstream_server;
mod upstream_tls;
mod value;
mod warning_name;

pub use self::admin::Admin;
pub use self::backup::ScheduledBackups;
pub use self::branding::{Branding, DEFAULT_NAME, Shades};
pub use self::check::AllowedWarning;
pub use self::contact::Contact;
pub use self::cookie_names::CookieNames;
pub use self::credentials::{KEY_FILE, Passwords};
pub use self::effective::{EffectiveSetting, EffectiveValue};
pub use self::field_encoding::FieldEncoding;
pub use self::health_check::HealthCheck;
pub use self::identity::{BasicAccount, Disclosure, IdentityCookie, IdentitySettings, Placeholder};
pub use self::ignored_variable::IgnoredVariable;
pub use self::limits::{Limits, LinkLimits};
pub use self::listen_address::ListenAddress;
pub use self::load::{Loaded, References};
pub use self::mail::{DEFAULT_SENDER, MailTransport, Security, Smtp};
pub use self::page_links::PageLink;
pub use self::peer_set::PeerSet;
pub use self::problem::Problems;
pub use self::public_url::PublicUrl;
pub use self::served_hosts::{FoundHost, ServedHost, ServedHosts};
#[cfg(test)]
pub use self::server::Hsts;
pub use self::server::{BACKLOG, ForwardedHeader, Server};
pub use self::session::SessionLimits;
pub use self::settings::Settings;
pub use self::source::Origin;
pub use self::telemetry::{Decisions, RecordFormat, RecordOutput, Telemetry, TraceSettings};
pub use self::tls::Tls;
pub use self::upstream::Upstream;
pub use self::upstream_server::{Transport, UpstreamServer};
pub use self::upstream_tls::{UPSTREAM_TLS, UpstreamTls};
pub use self::warning_name::WarningName;

#[cfg(test)]
mod tests;

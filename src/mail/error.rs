//! Why a mail, or all mail, cannot be sent.

use std::path::PathBuf;

use super::templates::TemplateProblems;

/// Why no mail can be sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// There are errors in templates.
    #[error("mail.templates:\n{0}")]
    Templates(#[from] TemplateProblems),
    /// The folder for mails cannot be created.
    #[error("mail.directory: `{}` cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The trusted certificates cannot be read.
    #[error("mail.smtp.ca_file: `{}` cannot be used: {cause}", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: String,
    },
    /// TLS cannot be set up.
    #[error("mail.smtp: {0}")]
    Tls(String),
}

/// Why a mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SendError {
    /// Another attempt may succeed.
    Transient(String),
    /// No attempt can succeed.
    Permanent(String),
    /// It may have been sent.
    Unconfirmed(String),
}

impl SendError {
    pub(super) fn message(&self) -> &str {
        let (Self::Transient(message) | Self::Permanent(message) | Self::Unconfirmed(message)) =
            self;
        message
    }
}

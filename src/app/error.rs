//! Why a gateway does not start.

use std::io;
use std::path::PathBuf;

use crate::credential::hashing::HashingError;
use crate::credential::key::KeyError;
use crate::directory::DirectoryError;
use crate::mail::MailError;
use crate::net::{BindError, TlsError};
use crate::portal_pages::AppearanceProblem;
use crate::proxy::upstream_tls::UpstreamTlsError;
use portcullis_policy::PolicyProblems;
use portcullis_store::StoreError;
use portcullis_store::sled::OpenError;

/// Why a gateway does not start. The operator can correct all but the last.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The policy files have errors.
    #[error("the policy cannot be used:\n{0}")]
    Policy(#[from] PolicyProblems),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The path of the store is a file.
    #[error(
        "store.path: `{}` is a file, but must be a folder, which is created if it does not exist",
        path.display()
    )]
    StoreIsAFile {
        /// The path.
        path: PathBuf,
    },
    /// The store exists, but its secret key is missing.
    #[error(
        "the secret key `{}` is missing, and the store in `{}` cannot be opened without it; restore \
         the key from a backup. If there is no backup, move the store and `{}.answered` away: the \
         next start creates a new store and a new key",
        file.display(), store.display(), store.display()
    )]
    KeyMissing {
        /// The file of the key.
        file: PathBuf,
        /// The folder of the store.
        store: PathBuf,
    },
    /// The output of decision records cannot be opened.
    #[error("telemetry.decisions_output: cannot write to `{}`: {error}", path.display())]
    Records {
        /// The file, or the socket of the journal.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The old key of an earlier rotation is still where the next one would be kept.
    #[error(
        "the old key of an earlier rotation is still at `{}`; move it to the backups that it opens, \
         and run the command again",
        file.display()
    )]
    OldKeyKept {
        /// The file of the old key.
        file: PathBuf,
    },
    /// The first records cannot be written.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The audit log has checkpoints, but the key that signed them is missing.
    #[error(
        "the audit key `{}` is missing; restore it from a backup. If there is no backup, write 32 \
         random bytes to it (`head -c 32 /dev/urandom`), with mode 0600: checkpoints are then signed \
         with another key, and earlier ones are verified with the lost key's public part",
        file.display()
    )]
    AuditKeyMissing {
        /// The file of the key.
        file: PathBuf,
    },
    /// The audit log cannot have this name.
    #[error("the audit log cannot be signed: {0}")]
    AuditKey(portcullis_audit::KeyError),
    /// The secret key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The threads for password hashing cannot be started.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// A socket cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A file of `upstream.tls` cannot be used.
    #[error(transparent)]
    UpstreamTls(#[from] UpstreamTlsError),
    /// Mail cannot be sent.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// A file named in `branding` cannot be used.
    #[error(transparent)]
    Appearance(#[from] AppearanceProblem),
    /// The system refuses a thread, a signal handler or a descriptor.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
}

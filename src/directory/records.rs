//! Records and how they are read and written. No rule about them is here.
//!
//! | module | holds |
//! |---|---|
//! | [`id`], [`kind`] | the ids of records, one type for each kind; the kinds' names in the store |
//! | [`document`], [`administrator`], [`mail`] | the documents, and the keys they are found by |
//! | [`page`] | lists a page at a time |
//! | `stored`, `read` | documents decoded with id and version; reading them |
//! | [`change`], `write` | who makes a change; the one function that commits |
//! | [`audit`], `audited` | the entries of the audit log, and what they show of a document |
//! | `change_log` | what a commit changes, in the log |

pub mod administrator;
pub mod audit;
mod audited;
pub mod change;
mod change_log;
pub mod document;
pub mod id;
pub mod kind;
pub mod mail;
pub mod page;
mod read;
pub mod role;
mod stored;
mod user_token;
mod write;

pub use administrator::{AdminFactor, AdminSecret, AdminSession, Administrator};
pub use change::{Actor, Change};
pub use document::{
    ApiToken, ApiTokenUse, EndUser, Group, INVITATION, LastSignIn, OneTimeLink, Organization,
    Preferences, RESET, SecondFactor, TotpStep, UsedSignIn, User, UserStatus, login_key,
};
pub use id::{
    AdminSessionId, AdministratorId, ApiTokenId, EndUserId, GroupId, MailId, OrganizationId,
    UserId, UserTokenId,
};
pub use mail::{AccountChange, ChangedBy, Mail, MailKind, MailState, Notice, Occasion};
pub use page::{Page, PageRequest};
pub(crate) use read::Reader;
pub use role::Role;
pub use stored::Stored;
pub(in crate::directory) use stored::present;
pub(crate) use stored::put;
pub use user_token::{PLACE, UserToken};
pub use write::Records;
pub(crate) use write::retry;

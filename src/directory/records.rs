//! Records and how they are read and written. No rule about them is here.
//!
//! | module | holds |
//! |---|---|
//! | [`id`], [`kind`] | the ids of records, one type for each kind; the kinds' names in the store |
//! | [`document`], [`administrator`], [`mail`] | the documents, and the keys they are found by |
//! | [`page`] | lists a page at a time |
//! | `stored`, `read` | documents decoded with id and version; reading them |
//! | [`role`], [`scope`], [`rights`] | what administrators and tokens may do, and for which organizations |
//! | `permitted` | what administrators and tokens may write |
//! | [`mark`], `managed` | the marks of records that a file manages, and who may change those |
//! | `belonging`, `scoped_store` | the organization of a record; the records that a scope shows |
//! | [`staff_member`], [`view_link`] | who of the staff opens the portal, and the one-time link for that |
//! | [`trial`] | trials of the portal by the staff, and what was seen in them |
//! | [`change`], `write` | who makes a change; the one function that commits |
//! | `collected` | the writes of several operations, for one commit |
//! | [`audit`], `audited` | the entries of the audit log, and what they show of a document |
//! | `reindex` | documents of earlier releases under the keys of this one |
//! | `change_log` | what a commit changes, in the log |

pub mod administrator;
pub mod audit;
mod audited;
mod belonging;
pub mod change;
mod change_log;
mod collected;
mod current_actor;
pub mod document;
pub mod id;
pub mod kind;
pub mod mail;
mod managed;
pub mod mark;
pub(crate) mod moment;
pub mod page;
mod parked;
mod permitted;
mod predecessor;
mod preferences;
mod read;
pub(in crate::directory) mod reindex;
pub mod rights;
pub mod role;
pub mod scope;
mod scoped_store;
pub mod staff_member;
mod stored;
pub mod trial;
mod user_token;
pub mod view_link;
mod write;

pub use administrator::{AdminFactor, AdminSecret, AdminSession, Administrator};
pub use change::{Actor, Change};
pub(in crate::directory) use collected::Collected;
pub(in crate::directory) use document::disabled_key;
pub use document::{
    ApiToken, ApiTokenUse, EndUser, Group, INVITATION, LastSignIn, OneTimeLink, Organization,
    RESET, SecondFactor, TEXT, TotpStep, UsedSignIn, User, UserStatus, login_key,
};
pub use id::{
    AdminSessionId, AdministratorId, ApiTokenId, EndUserId, GroupId, JobId, JobPartId, MailId,
    OrganizationId, TrialId, TrialRowId, UserId, UserTokenId, ViewLinkId,
};
pub use mail::{AccountChange, ChangedBy, Mail, MailKind, MailState, Notice, Occasion};
pub(in crate::directory) use managed::{Managed, of_new};
pub use mark::{ManagedBy, Marks};
pub use page::{Page, PageRequest};
pub use parked::Parked;
pub use preferences::Preferences;
pub(crate) use read::Reader;
pub use rights::{Authority, Rights};
pub use role::Role;
pub use scope::Scope;
pub use staff_member::StaffMember;
pub use stored::Stored;
pub(in crate::directory) use stored::present;
pub(crate) use stored::put;
pub use trial::{Trial, TrialRow, TrialSession};
pub use user_token::{PLACE, UserToken};
pub use view_link::ViewLink;
pub use write::Records;
#[cfg(any(test, feature = "fuzzing"))]
pub use write::cost;
pub(crate) use write::retry;

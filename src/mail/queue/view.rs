//! Mails as operators see them.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Map;

use super::MailQueue;
use crate::directory::error::{AttemptError, DirectoryError, Refusal};
use crate::directory::records::audit::{Occurrence, Subject};
use crate::directory::records::{Mail, MailKind, MailState, Notice, Stored, User, retry};
use crate::directory::{Change, MailId, Page, PageRequest, UserId};
use portcullis_store::Key;

/// A mail without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Mail")]
pub struct MailView {
    /// Its id.
    pub id: MailId,
    /// What it is for.
    pub occasion: MailKind,
    /// What a mail about a change is about: `changed` and `by`.
    #[serde(flatten)]
    pub notice: Option<Notice>,
    /// The portal user it is for.
    pub user: UserId,
    /// The user's login when the mail was created.
    pub login: String,
    /// The name of the user's organization when the mail was created.
    #[serde(rename = "organization")]
    pub organization_name: String,
    /// The address it is sent to.
    pub to: String,
    /// Who gets a blind copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blind_copy: Option<String>,
    /// `state`, and `next` or `at`.
    #[serde(flatten)]
    pub state: MailState,
    /// How often it was handed to the transport.
    pub attempts: u32,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was created.
    #[serde(rename = "written")]
    pub created: Timestamp,
    /// When its link expires.
    pub expires: Timestamp,
    /// The version of its record.
    pub version: u64,
}

impl From<Stored<Mail>> for MailView {
    fn from(mail: Stored<Mail>) -> Self {
        let Stored { id, version, doc } = mail;
        Self {
            id,
            occasion: doc.occasion,
            notice: doc.notice,
            user: doc.user,
            login: doc.login,
            organization_name: doc.organization_name,
            to: doc.to,
            blind_copy: doc.blind_copy,
            state: doc.state,
            attempts: doc.attempts,
            last_error: doc.last_error,
            created: doc.created,
            expires: doc.expires,
            version,
        }
    }
}

impl MailQueue {
    /// The mails for a portal user, the newest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn of_user(&self, user: &UserId) -> Result<Vec<MailView>, DirectoryError> {
        let key = Mail::of_user(user);
        let mails = self.directory.records().read().all_intact::<Mail>(Some(&key)).await?;
        Ok(mails.into_iter().rev().map(MailView::from).collect())
    }

    /// A page of the mails, the newest first, of those in the state of this name if one is given.
    ///
    /// # Errors
    /// When there is no such state, or the store is unavailable.
    pub async fn list(
        &self,
        state: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<MailView>, DirectoryError> {
        if state.is_some_and(|state| !MailState::NAMES.contains(&state)) {
            let known = MailState::NAMES.join(", ");
            return Err(DirectoryError::invalid("state", format!("must be one of {known}")));
        }
        let key = state.map(|state| Key::new("state", state));
        let page = self.directory.records().read().page_back::<Mail>(key.as_ref(), request).await?;
        Ok(page.map(MailView::from))
    }

    /// How many mails are in the state of this name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn count(&self, state: &str) -> Result<u64, DirectoryError> {
        let key = Key::new("state", state);
        Ok(self.directory.records().read().count::<Mail>(Some(&key)).await?)
    }

    /// The mail with this id.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store is unavailable.
    pub async fn get(&self, id: &MailId) -> Result<MailView, DirectoryError> {
        Ok(self.directory.records().read().existing::<Mail>(id, None).await?.into())
    }

    /// The record of the mail with this id.
    pub(in crate::mail) async fn record(&self, id: &MailId) -> Result<Mail, DirectoryError> {
        Ok(self.directory.records().read().existing::<Mail>(id, None).await?.doc)
    }

    /// Makes a mail due now that waits, or that may not have been sent.
    ///
    /// # Errors
    /// When there is no such mail, it is not at the expected version, or it has ended and its token
    /// is gone.
    pub async fn retry(&self, id: &MailId, change: &Change) -> Result<MailView, DirectoryError> {
        let reader = self.directory.records().read();
        let changed = retry(|| async {
            let mail = reader.existing::<Mail>(id, change.expected).await?;
            if !mail.doc.state.can_be_retried() {
                return Err(DirectoryError::from(Refusal::mail_completed(&mail.doc)).into());
            }
            let state = MailState::Waiting { next: change.at };
            let (write, changed) = mail.replace(Mail { state, ..mail.doc.clone() });
            let user = reader.get::<User>(&mail.doc.user).await?;
            let entry = retried(&mail, user.as_ref());
            self.directory.records().commit_noting(change, vec![write], entry).await?;
            Ok::<_, AttemptError>(changed)
        })
        .await?;
        Ok(changed.into())
    }
}

/// The entry of the audit log about a mail that an operator sends again. `user` is the portal user it
/// is for, unless that was deleted.
fn retried(mail: &Stored<Mail>, user: Option<&Stored<User>>) -> Occurrence {
    let subject = Subject::new("mail", mail.id.as_str(), &mail.doc.login);
    let occasion = serde_json::to_value(mail.doc.occasion).unwrap_or_default();
    let after = Map::from_iter([("occasion".to_owned(), occasion)]);
    match user {
        Some(user) => Occurrence { subject, ..Occurrence::of_user("mail.retried", user, after) },
        None => Occurrence { subject, ..Occurrence::of_gateway("mail.retried", after) },
    }
}

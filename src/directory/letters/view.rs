//! Letters as administrators look at them, and have them tried now.

use jiff::Timestamp;
use serde::Serialize;

use super::letter::{Letter, LetterState, Occasion};
use crate::directory::id::{MailId, UserId};
use crate::directory::page::{Page, PageRequest};
use crate::directory::records::{Stored, attempt, existing, page};
use crate::directory::{Directory, DirectoryError, Refusal};
use portcullis_store::Key;

/// A letter as administrators see it, without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LetterView {
    /// Its id.
    pub id: MailId,
    /// Why it is written.
    pub occasion: Occasion,
    /// The id of the portal user it is about.
    pub user: UserId,
    /// The user's login, as it was then.
    pub login: String,
    /// The name of the user's organization, as it was then.
    #[serde(rename = "organization")]
    pub organization_name: String,
    /// The address it goes to.
    pub to: String,
    /// Who gets a blind copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blind_copy: Option<String>,
    /// How far it has come: `state`, and `next` or `at`.
    #[serde(flatten)]
    pub state: LetterState,
    /// How often it has been tried.
    pub attempts: u32,
    /// What went wrong the last time it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was created.
    #[serde(rename = "written")]
    pub created: Timestamp,
    /// From when on its link is worthless.
    pub expires: Timestamp,
    /// The version of its record.
    pub version: u64,
}

impl From<Stored<Letter>> for LetterView {
    fn from(letter: Stored<Letter>) -> Self {
        let Stored { id, version, doc } = letter;
        Self {
            id,
            occasion: doc.occasion,
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

impl Directory {
    /// The letters, a page at a time; those in the state of this name if one is given.
    ///
    /// # Errors
    /// When there is no such state, or the store does not answer.
    pub async fn letters(
        &self,
        state: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<LetterView>, DirectoryError> {
        if state.is_some_and(|state| !LetterState::NAMES.contains(&state)) {
            let known = LetterState::NAMES.join(", ");
            return Err(DirectoryError::invalid("state", format!("must be one of {known}")));
        }
        let key = state.map(|state| Key::new("state", state));
        Ok(page::<Letter>(self.store(), key.as_ref(), request).await?.map(LetterView::from))
    }

    /// The letter with this id.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or when the store does not answer.
    pub async fn show_letter(&self, id: &MailId) -> Result<LetterView, DirectoryError> {
        Ok(existing::<Letter>(self.store(), id, None).await?.into())
    }

    /// Lets a letter that waits, or may not have arrived, be tried now.
    ///
    /// # Errors
    /// When there is no such letter, it is not at the expected version, or it is done with: its
    /// token is gone.
    pub async fn retry_letter(
        &self,
        id: &MailId,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<LetterView, DirectoryError> {
        let changed = attempt(|| async {
            let letter = existing::<Letter>(self.store(), id, expected).await?;
            if !letter.doc.state.can_be_retried() {
                return Err(DirectoryError::from(Refusal::letter_done(&letter.doc)).into());
            }
            let doc = Letter { state: LetterState::Waiting { next: now }, ..letter.doc.clone() };
            self.replace_letter(&letter, doc).await
        })
        .await?;
        Ok(changed.into())
    }
}

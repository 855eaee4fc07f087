//! How a mail reads, for operators: without the secret of its link.

use serde::Serialize;

use super::message::Composer;
use super::queue::MailQueue;
use super::tester::MailTester;
use crate::directory::records::{Mail, MailState};
use crate::directory::{DirectoryError, MailId};

/// In place of the token of a link, which opens an account.
const NO_TOKEN: &str = "TOKEN";

/// How a mail reads, by the templates that are in force now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct MailContent {
    /// The sender's name and address.
    from: String,
    subject: String,
    /// The part in plain text.
    text: String,
    /// The part in HTML.
    html: String,
}

impl MailTester {
    /// How a mail reads. In its link, `TOKEN` stands for the token, which only its reader gets.
    ///
    /// # Errors
    /// When there is no such mail, or it cannot be composed.
    pub async fn content(
        &self,
        queue: &MailQueue,
        id: &MailId,
    ) -> Result<MailContent, DirectoryError> {
        let mail = queue.record(id).await?;
        self.tested.load().composer.content(&mail).map_err(|why| DirectoryError::invalid("", why))
    }
}

impl Composer {
    fn content(&self, mail: &Mail) -> Result<MailContent, String> {
        let at = match mail.state {
            MailState::Sent { at }
            | MailState::Failed { at }
            | MailState::Unconfirmed { at }
            | MailState::NotNeeded { at } => at,
            MailState::Waiting { next } => next,
        };
        let text = self.text(mail, NO_TOKEN, at)?;
        let (subject, html) = (text.subject, text.html);
        Ok(MailContent { from: self.from().to_string(), subject, text: text.plain, html })
    }
}

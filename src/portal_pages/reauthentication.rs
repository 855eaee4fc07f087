//! The password, and the code of a second factor, that a form asks a user for again.

use http::HeaderMap;

use super::current_user::CurrentUser;
use super::sign_in::locked_out;
use super::texts::Catalogue;
use super::{PagesState, mfa};
use crate::credential::hashing::Busy;
use crate::credential::secret::Secret;
use crate::directory::access::confirmed::Confirmed;
use crate::directory::access::reauthentication::Reauthentication;
use crate::web::Visitor;
use crate::web::form_problem::FormProblem;
use portcullis_store::StoreError;

impl PagesState {
    /// Checks the password in the field `password`, and the code in the field `code` if there is one
    /// to check.
    pub(super) async fn reauthenticate<'a>(
        &'a self,
        user: &CurrentUser,
        (password, code): (Secret<String>, Option<&Secret<String>>),
        headers: &HeaderMap,
        visitor: &Visitor,
    ) -> Result<Result<Confirmed, FormProblem<'a>>, StoreError> {
        let text = self.texts.of(headers);
        let texts = &text.confirm;
        if password.expose().is_empty() {
            return Ok(Err(FormProblem::missing(&texts.password_missing, &["password"])));
        }
        let reauthenticator = self.directory.reauthenticator();
        let source = self.visit(headers, visitor);
        let outcome = match code.map(|code| code.expose().as_str()) {
            Some(code) if code.trim().is_empty() => {
                return Ok(Err(FormProblem::missing(&texts.code_missing, &["code"])));
            }
            Some(code) => {
                let entered = (password, mfa::entered_code(code));
                reauthenticator.password_and_code(&user.id, entered, source, visitor.now).await?
            }
            None => reauthenticator.password(&user.id, password, source, visitor.now).await?,
        };
        Ok(match outcome {
            Reauthentication::Confirmed(confirmed) => Ok(confirmed),
            outcome => Err(problem(&outcome, text, visitor)),
        })
    }
}

fn problem<'a>(
    outcome: &Reauthentication,
    text: &'a Catalogue,
    visitor: &Visitor,
) -> FormProblem<'a> {
    let texts = &text.confirm;
    match outcome {
        Reauthentication::CodeRequired => FormProblem::missing(&texts.code_missing, &["code"]),
        Reauthentication::WrongCode => FormProblem::wrong(&texts.wrong_code, &["code"]),
        Reauthentication::LockedOut { until } => locked_out(text, *until, visitor),
        Reauthentication::Busy => FormProblem::busy(&texts.busy, Busy::RETRY_AFTER_SECONDS),
        Reauthentication::WrongPassword | Reauthentication::Confirmed(_) => {
            FormProblem::wrong(&texts.wrong_password, &["password"])
        }
    }
}

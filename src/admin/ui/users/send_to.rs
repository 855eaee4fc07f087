//! The address that the next invitation of a portal user is sent to.

use super::User;
use crate::admin::ui::end_users::EndUser;
use crate::admin::ui::organizations::Organization;
use crate::admin::ui::refusal::Refusal;
use crate::admin::ui::visit::Visit;
use crate::email;

/// The field with the address.
pub(super) const FIELD: &str = "send_to";

/// The field with the address that the next invitation is sent to.
#[derive(Debug)]
pub(super) struct SendTo {
    pub(super) address: String,
    /// What is wrong with it.
    pub(super) problem: Option<String>,
}

impl SendTo {
    /// The address of the last invitation, so that sending it again sends it to the same person;
    /// otherwise the usual one.
    pub(super) fn of(
        user: &User,
        organization: Option<&Organization>,
        end_user: Option<&EndUser>,
    ) -> Self {
        let last = user.invitation.as_ref().map(|invitation| invitation.sent_to.clone());
        let address = last.or_else(|| usual(user, organization, end_user));
        Self { address: address.unwrap_or_default(), problem: None }
    }

    /// The address as it was typed.
    pub(super) fn again(visit: &Visit, refusal: &Refusal) -> Self {
        let problem = refusal.field(FIELD).map(str::to_owned);
        Self { address: visit.form.get(FIELD).to_owned(), problem }
    }
}

/// Where the API sends an invitation if no address is named (R41).
pub(super) fn usual(
    user: &User,
    organization: Option<&Organization>,
    end_user: Option<&EndUser>,
) -> Option<String> {
    let known = end_user.and_then(|it| it.email.clone());
    let known = known.or_else(|| organization.and_then(|it| it.email.clone()));
    known.or_else(|| email::address(&user.login).is_ok().then(|| user.login.clone()))
}

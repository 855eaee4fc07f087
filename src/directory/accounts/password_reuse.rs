//! Refusing a new login or address that is already the user's password (R31).
//!
//! A new password is compared with login and address when it is chosen. When one of these changes
//! later, only the password's hash is known, and each spelling that is tried costs a hash. So only
//! likely spellings that satisfy the rules (R30) are tried: as given, and with the first letter, or
//! the first letter of each word, in upper case. A password with other capitals is not found, nor is
//! one that was imported as a hash and breaks R30.

use std::collections::HashSet;

use parking_lot::Mutex;

use crate::credential::folding::fold;
use crate::credential::hashing::Hasher;
use crate::credential::password::NewPassword;
use crate::credential::secret::Secret;
use crate::directory::core::Core;
use crate::directory::error::{DirectoryError, Refusal};
use crate::directory::records::{Stored, User};
use portcullis_store::{Key, Write};

/// How many portal users' passwords are compared with a new address.
const MAX_USERS: usize = 100;

/// Pairs of a password's hash and a new name that an operation has compared, so that they are not
/// compared again when the operation is retried.
#[derive(Debug, Default)]
pub(in crate::directory) struct Compared(Mutex<HashSet<(String, String)>>);

impl Compared {
    fn has(&self, pair: &(String, String)) -> bool {
        self.0.lock().contains(pair)
    }

    fn note(&self, pair: (String, String)) {
        self.0.lock().insert(pair);
    }
}

/// Refuses a new login or address that is the user's password.
pub(super) async fn reject_password(
    hasher: &Hasher,
    (field, given): (&'static str, &str),
    user: &User,
    compared: &Compared,
) -> Result<(), DirectoryError> {
    let Some(hash) = &user.password else { return Ok(()) };
    let pair = (hash.clone(), given.to_owned());
    if compared.has(&pair) {
        return Ok(());
    }
    for spelling in spellings(given) {
        match hasher.verify(hash, &spelling).await {
            Ok(verdict) if verdict.matches => {
                let login = user.login.clone();
                return Err(Refusal::IsPassword { field, login }.into());
            }
            Ok(_) => {}
            Err(_) => return Err(DirectoryError::Busy),
        }
    }
    compared.note(pair);
    Ok(())
}

/// Refuses a new address that is the password of one of the users whose address it becomes. Returns
/// the conditions under which this is still true at the commit.
pub(super) async fn reject_passwords_of(
    core: &Core,
    email: &str,
    (key, theirs): (&Key, impl Fn(&User) -> bool),
    compared: &Compared,
) -> Result<Vec<Write>, DirectoryError> {
    if spellings(email).is_empty() {
        return Ok(Vec::new());
    }
    let users = core.read().all_intact::<User>(Some(key)).await?;
    let with_password = |user: &&Stored<User>| user.doc.password.is_some() && theirs(&user.doc);
    let mut conditions = Vec::new();
    for user in users.iter().filter(with_password).take(MAX_USERS) {
        reject_password(&core.auth.hasher, ("email", email), &user.doc, compared).await?;
        conditions.push(user.require());
    }
    Ok(conditions)
}

/// Whether two names differ in a way that matters for comparing them with a password.
pub(in crate::directory) fn differs(before: Option<&str>, after: &str) -> bool {
    before.is_none_or(|before| fold(before) != fold(after))
}

/// Likely spellings of a name as a password.
fn spellings(given: &str) -> Vec<Secret<String>> {
    let trimmed = given.trim();
    let mut spellings = vec![given.to_owned(), trimmed.to_owned()];
    spellings.push(capitalized(trimmed, |at_first, _| at_first));
    spellings.push(capitalized(trimmed, |_, after_letter| !after_letter));
    let mut tried = HashSet::new();
    spellings.retain(|spelling| tried.insert(spelling.clone()));
    let spellings = spellings.into_iter().map(Secret::new);
    spellings.filter(|spelling| NewPassword::parse(spelling.clone(), "", None).is_ok()).collect()
}

/// The text in lower case, with those letters in upper case that `upper` chooses. Its arguments are
/// whether the letter is the first character, and whether it follows another letter.
fn capitalized(text: &str, upper: impl Fn(bool, bool) -> bool) -> String {
    let mut result = String::with_capacity(text.len());
    let mut after_letter = false;
    for c in text.chars() {
        if upper(result.is_empty(), after_letter) {
            result.extend(c.to_uppercase());
        } else {
            result.extend(c.to_lowercase());
        }
        after_letter = c.is_alphabetic();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::accounts::end_users::EndUserPatch;
    use crate::directory::accounts::organizations::OrganizationPatch;
    use crate::directory::accounts::users::{NewUser, UserPatch};
    use crate::directory::fixture::new_user;
    use crate::directory::fixture::{Fixture, PASSWORD, by_operator};
    use crate::directory::records::{EndUserId, UserId};

    fn login(login: &str) -> UserPatch {
        UserPatch { login: Some(login.to_owned()), ..UserPatch::default() }
    }

    fn of_end_user(id: &str) -> UserPatch {
        UserPatch { end_user: Some(Some(id.into())), ..UserPatch::default() }
    }

    async fn with_password(
        fixture: &Fixture,
        end_user: Option<EndUserId>,
        password: &str,
    ) -> UserId {
        let password = Some(Secret::from(password));
        let new = NewUser { end_user, password, ..new_user("acme", "ann") };
        fixture.directory.users().create(new, &by_operator()).await.unwrap().id
    }

    #[test]
    fn only_spellings_that_satisfy_the_rules_are_tried() {
        let tried = |given: &str| -> Vec<_> {
            spellings(given).iter().map(|spelling| spelling.expose().clone()).collect()
        };
        assert_eq!(
            tried("renamed-Horse-9"),
            ["renamed-Horse-9", "Renamed-horse-9", "Renamed-Horse-9"]
        );
        assert_eq!(tried("ann7@acme.example"), ["Ann7@acme.example", "Ann7@Acme.Example"]);
        assert!(tried("ann.smith@acme.example").is_empty(), "it has no digit");
        assert!(tried("Ann-7").is_empty(), "it is too short");
    }

    #[tokio::test]
    async fn r31_a_new_login_is_not_the_password() {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let ann = with_password(&fixture, None, "Renamed-Horse-9").await;
        for own in ["Renamed-Horse-9", " Renamed-Horse-9 ", "renamed-horse-9", "RENAMED-HORSE-9"] {
            let error = fixture
                .directory
                .users()
                .change(&ann.as_str().into(), login(own), &by_operator())
                .await
                .unwrap_err();
            assert_eq!(error.code(), "is-password", "{own:?}");
            assert!(!error.to_string().contains("Horse"), "{error}");
        }
        let other = fixture
            .directory
            .users()
            .change(&ann.as_str().into(), login("Renamed-Horse-8"), &by_operator())
            .await;
        assert_eq!(other.unwrap().login, "Renamed-Horse-8");
    }

    #[tokio::test]
    async fn r31_a_new_end_user_address_is_not_the_password() {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let own = fixture.end_user("acme", Some("ann.smith1@acme.example")).await;
        let other = fixture.end_user("acme", Some("ann.smith2@acme.example")).await;
        let ann = with_password(&fixture, None, "Ann.smith1@acme.example").await;
        let change = async |patch| {
            fixture.directory.users().change(&ann.as_str().into(), patch, &by_operator()).await
        };
        assert_eq!(change(of_end_user(own.id.as_str())).await.unwrap_err().code(), "is-password");
        change(of_end_user(other.id.as_str())).await.unwrap();

        let readdress = async |email: &str| {
            let patch =
                EndUserPatch { email: Some(Some(email.to_owned())), ..EndUserPatch::default() };
            fixture
                .directory
                .end_users()
                .change(&"acme".into(), &other.id, patch, &by_operator())
                .await
        };
        let error = readdress("ann.smith1@acme.example").await.unwrap_err();
        assert_eq!(error.code(), "is-password");
        assert!(error.to_string().contains("`ann`"), "{error}");
        readdress("ann.smith3@acme.example").await.unwrap();
    }

    #[tokio::test]
    async fn r31_an_organizations_address_is_not_its_users_password() {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let contact = fixture.end_user("acme", None).await;
        let readdress = async |email: &str| {
            let email = Some(Some(email.to_owned()));
            let patch = OrganizationPatch { email, ..OrganizationPatch::default() };
            fixture.directory.organizations().change(&"acme".into(), patch, &by_operator()).await
        };
        let ann = with_password(&fixture, None, "Office-24@acme.example").await;
        assert_eq!(readdress("office-24@acme.example").await.unwrap_err().code(), "is-password");
        readdress("office-25@acme.example").await.unwrap();
        // The organization's address does not matter for the portal user of an end user.
        fixture
            .directory
            .users()
            .change(&ann.as_str().into(), of_end_user(contact.id.as_str()), &by_operator())
            .await
            .unwrap();
        readdress("office-24@acme.example").await.unwrap();
    }

    #[tokio::test]
    async fn r31_a_password_chosen_concurrently_is_compared_too() {
        let fixture = Fixture::new().await;
        fixture.organization("acme").await;
        let ann = with_password(&fixture, None, PASSWORD).await;
        let (other, id) = (fixture.directory.clone(), ann.clone());
        let interruption = async move {
            other
                .users()
                .set_password(&id.as_str().into(), Secret::from("Renamed-Horse-9"), &by_operator())
                .await
                .unwrap();
        };
        let changing = fixture.with_interruption(interruption).await;
        let error = changing
            .users()
            .change(&ann.as_str().into(), login("renamed-horse-9"), &by_operator())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "is-password");

        let (other, id) = (fixture.directory.clone(), ann.clone());
        let interruption = async move {
            other
                .users()
                .set_password(
                    &id.as_str().into(),
                    Secret::from("Office-24@acme.example"),
                    &by_operator(),
                )
                .await
                .unwrap();
        };
        let changing = fixture.with_interruption(interruption).await;
        let email = Some(Some("office-24@acme.example".to_owned()));
        let patch = OrganizationPatch { email, ..OrganizationPatch::default() };
        let error = changing
            .organizations()
            .change(&"acme".into(), patch, &by_operator())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "is-password");
    }
}

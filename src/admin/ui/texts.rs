//! Every text of the admin UI, by page. A file of a language has exactly these keys.

mod account;
mod activity;
mod administrators;
mod audit;
mod branding;
mod common;
mod end_users;
mod explain;
mod groups;
mod jobs;
mod names;
mod organizations;
mod overview;
mod people;
mod preferences;
mod rights;
mod tokens;
mod users;
mod warnings;

use serde::Deserialize;

pub(super) use self::account::Account;
pub(super) use self::activity::{Lockouts, Mail, Sessions};
pub(super) use self::administrators::{Administrators, SecondFactor};
pub(super) use self::audit::Audit;
pub(super) use self::branding::Branding;
use self::common::{Actions, Confirmation, KeptForm, List, Notice, Shell, SignIn};
pub(super) use self::common::{Consequences, Navigation, PeopleAndPermission};
pub(super) use self::end_users::EndUsers;
pub(super) use self::explain::{Explain, Routes};
pub(super) use self::groups::Groups;
pub(super) use self::jobs::{Bulk, Import, Jobs};
pub(super) use self::names::Names;
pub(super) use self::organizations::Organizations;
pub(super) use self::overview::Overview;
pub(super) use self::people::People;
pub(super) use self::preferences::Preferences;
pub(super) use self::rights::Rights;
pub(super) use self::tokens::Tokens;
pub(super) use self::users::Users;
pub(super) use self::warnings::Warnings;
use super::messages::Messages;
use crate::web::text::{TimeWords, Translation, Translations};

/// The texts in all languages.
pub(super) type Texts = Translations<AdminTexts>;
/// The texts in one language.
pub(super) type Catalogue = Translation<AdminTexts>;

/// The files of a language, as one.
macro_rules! files {
    ($language:literal: $($name:literal),+ $(,)?) => {
        concat!($(
            include_str!(concat!("../../../templates/admin/text/", $language, "/", $name, ".toml"))
        ),+)
    };
}

/// The languages in the program; the first is the one for all other readers.
pub(super) const SHIPPED: [(&str, &str); 2] = [
    (
        "en",
        files!(
            "en": "common", "warnings", "groups", "overview", "preferences", "branding", "administrators", "account", "tokens",
            "audit", "people", "organizations", "end_users", "users", "jobs", "explain",
            "activity", "names", "api",
        ),
    ),
    (
        "de",
        files!(
            "de": "common", "warnings", "groups", "overview", "preferences", "branding", "administrators", "account", "tokens",
            "audit", "people", "organizations", "end_users", "users", "jobs", "explain",
            "activity", "names", "api",
        ),
    ),
];

/// All texts of one language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdminTexts {
    pub(super) shell: Shell,
    pub(super) action: Actions,
    pub(super) list: List,
    pub(super) when: TimeWords,
    pub(super) navigation: Navigation,
    pub(super) notice: Notice,
    pub(super) kept_form: KeptForm,
    pub(super) confirmation: Confirmation,
    pub(super) consequences: Consequences,
    pub(super) warnings: Warnings,
    pub(super) sign_in: SignIn,
    pub(super) overview: Overview,
    pub(super) groups: Groups,
    pub(super) preferences: Preferences,
    pub(super) branding: Branding,
    pub(super) rights: Rights,
    pub(super) administrators: Administrators,
    pub(super) second_factor: SecondFactor,
    pub(super) account: Account,
    pub(super) tokens: Tokens,
    pub(super) audit: Audit,
    pub(super) people: People,
    pub(super) organizations: Organizations,
    pub(super) end_users: EndUsers,
    pub(super) users: Users,
    pub(super) jobs: Jobs,
    pub(super) bulk: Bulk,
    pub(super) import: Import,
    pub(super) explain: Explain,
    pub(super) routes: Routes,
    pub(super) sessions: Sessions,
    pub(super) lockouts: Lockouts,
    pub(super) mail: Mail,
    pub(super) names: Names,
    pub(super) api: Messages,
}

#[cfg(test)]
mod tests {
    use super::{SHIPPED, Texts};

    #[test]
    fn the_languages_in_the_program_are_complete() {
        assert_eq!(Texts::load(&SHIPPED, None).unwrap().languages().count(), SHIPPED.len());
    }
}

//! Files of portal users.

use serde::{Deserialize, Serialize};

use super::end_users::of_row;
use super::found;
use super::row::{Fault, answer, text};
use super::{Context, File, ReportLine};
use crate::credential::secret::Secret;
use crate::directory::accounts::users::{NewUser, UserPatch, UserView};
use crate::directory::records::kind;
use crate::directory::{Directory, DirectoryError, EndUserId, GroupId, OrganizationId};
use crate::jobs::line::Effect;
use crate::spreadsheet::{Column, Row};

/// How a file of portal users is imported.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UserImport {
    /// The organization of rows that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// The group of new users whose row names none; by default the default group (R6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// Whether new users without a password are invited (R40), unless their row says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<bool>,
}

/// A file of portal users. A row is about the user with its login, or else with the email address of
/// its end user or organization as the login (R15). A password, an invitation and the addresses for it
/// are for new users only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UserFile {
    #[serde(flatten)]
    how: UserImport,
}

/// What a row says. The password is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    organization: OrganizationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// An id, an address or a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_user: Option<String>,
    /// An id or a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invite: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    send_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    require_mfa: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
}

impl UserFile {
    /// A file that is imported in this way.
    ///
    /// # Errors
    /// When the group does not exist, or the store is unavailable.
    pub async fn new(how: UserImport, directory: &Directory) -> Result<Self, DirectoryError> {
        if let Some(group) = &how.group {
            found::group(directory, group.as_ref()).await?;
        }
        Ok(Self { how })
    }
}

impl File for UserFile {
    type Row = UserRow;

    const KIND: &'static str = "import-users";
    const RECORD: &'static str = "user";
    const COLUMNS: &'static [Column] = &[
        Column::new(
            "organization",
            &[
                "organisation",
                "organizationid",
                "organisationsid",
                "company",
                "firma",
                "unternehmen",
                "kunde",
                "kundennummer",
            ],
        ),
        Column::new(
            "login",
            &[
                "username",
                "user",
                "benutzername",
                "benutzer",
                "anmeldename",
                "email",
                "emailaddress",
                "emailadresse",
                "mail",
            ],
        ),
        Column::new("name", &["fullname", "displayname", "anzeigename", "vollername"]),
        Column::new("end_user", &["contact", "endbenutzer", "kontakt", "ansprechpartner"]),
        Column::new("group", &["gruppe", "role", "rolle"]),
        Column::new("password", &["passwort", "kennwort"]),
        Column::new("password_hash", &["passworthash", "kennworthash"]),
        Column::new("invite", &["einladen", "invitation", "einladung"]),
        Column::new("send_to", &["sendinvitationto", "einladungan"]),
        Column::new("require_mfa", &["mfa", "requiresecondfactor", "zweiterfaktor"]),
        Column::new("disabled", &["deaktiviert", "gesperrt"]),
        Column::ignored("id"),
        Column::ignored("status"),
        Column::ignored("last_sign_in"),
    ];

    fn summary(&self) -> String {
        match self.how.invite {
            Some(true) => "portal users from a file, with invitations".to_owned(),
            Some(false) | None => "portal users from a file".to_owned(),
        }
    }

    async fn read(
        &self,
        row: &Row,
        found: &mut found::Organizations<'_>,
    ) -> Result<(Option<OrganizationId>, UserRow), Fault> {
        let organization = of_row(row, self.how.organization.as_ref(), found).await?;
        let [password, password_hash] = ["password", "password_hash"].map(|name| text(row, name));
        let wanted = UserRow {
            organization: organization.clone(),
            login: text(row, "login"),
            name: text(row, "name"),
            end_user: text(row, "end_user"),
            group: text(row, "group"),
            password: password
                .map(|password| found.directory().import_secrets().seal(&password, &organization)),
            password_hash,
            invite: answer(row, "invite")?,
            send_to: text(row, "send_to"),
            require_mfa: answer(row, "require_mfa")?,
            disabled: answer(row, "disabled")?,
        };
        Ok((Some(organization), wanted))
    }

    async fn apply(
        &self,
        row: &UserRow,
        line: ReportLine,
        context: &Context<'_>,
    ) -> Result<ReportLine, DirectoryError> {
        let directory = context.directory;
        let end_user = match &row.end_user {
            Some(given) => Some(found::end_user(directory, &row.organization, given).await?),
            None => None,
        };
        let email = match (&row.login, &end_user) {
            (Some(_), _) => None,
            (None, Some(end_user)) => end_user.email.clone(),
            (None, None) => directory.organizations().get(&row.organization).await?.email,
        };
        let existing = match row.login.as_ref().or(email.as_ref()) {
            Some(login) => with_login(directory, login, &row.organization).await?,
            None => None,
        };
        let group = match &row.group {
            Some(given) => Some(found::group(directory, given).await?),
            None => None,
        };
        let end_user = end_user.map(|end_user| end_user.id);
        let (result, user) = match existing {
            None => {
                let new = self.new_user(row, (group, end_user), context)?;
                (Effect::Created, create(new, row.disabled, context).await?)
            }
            Some(existing) => match row.patch(&existing, group, end_user) {
                None => (Effect::Unchanged, existing),
                Some(patch) => {
                    let changed = directory.users().change(&existing.id, patch, context.change);
                    (Effect::Updated, changed.await?)
                }
            },
        };
        Ok(ReportLine {
            result,
            id: Some(user.id.to_string()),
            end_user: user.end_user,
            user: Some(user.id),
            login: Some(user.login),
            ..line
        })
    }
}

impl UserFile {
    fn new_user(
        &self,
        row: &UserRow,
        (group, end_user): (Option<GroupId>, Option<EndUserId>),
        context: &Context<'_>,
    ) -> Result<NewUser, DirectoryError> {
        let password = match &row.password {
            Some(sealed) => Some(
                context.directory.import_secrets().open(sealed, &row.organization).ok_or_else(
                    || {
                        let message =
                            "cannot be read since the secret key was replaced; set it by itself";
                        DirectoryError::invalid("password", message)
                    },
                )?,
            ),
            None => None,
        };
        let has_password = password.is_some() || row.password_hash.is_some();
        Ok(NewUser {
            id: None,
            organization: row.organization.clone(),
            end_user,
            login: row.login.clone(),
            name: row.name.clone(),
            group: group.or_else(|| self.how.group.clone()),
            password,
            password_hash: row.password_hash.clone().map(Secret::new),
            invite: row.invite.unwrap_or(!has_password && self.how.invite == Some(true)),
            send_to: row.send_to.clone(),
            blind_copy: None,
            sender: context.sender.map(str::to_owned),
            require_mfa: row.require_mfa.unwrap_or(false),
            disabled: false,
        })
    }
}

impl UserRow {
    /// The changes to a user; `None` if it is as wanted.
    fn patch(
        &self,
        existing: &UserView,
        group: Option<GroupId>,
        end_user: Option<EndUserId>,
    ) -> Option<UserPatch> {
        let login = self.login.clone().filter(|login| *login != existing.login);
        let name = self.name.clone().filter(|name| Some(name) != existing.name.as_ref());
        let group = group.filter(|group| *group != existing.group);
        let end_user = end_user.filter(|end_user| Some(end_user) != existing.end_user.as_ref());
        let require_mfa = self.require_mfa.filter(|required| *required != existing.require_mfa);
        let disabled = self.disabled.filter(|disabled| *disabled != existing.disabled);
        let is_changed = login.is_some()
            || name.is_some()
            || group.is_some()
            || end_user.is_some()
            || require_mfa.is_some()
            || disabled.is_some();
        is_changed.then(|| UserPatch {
            group,
            login,
            name: name.map(Some),
            require_mfa,
            disabled,
            end_user: end_user.map(Some),
        })
    }
}

/// The user with a login; of another organization, it is taken.
async fn with_login(
    directory: &Directory,
    login: &str,
    organization: &OrganizationId,
) -> Result<Option<UserView>, DirectoryError> {
    match directory.users().with_login(login).await {
        Ok(user) if user.organization == *organization => Ok(Some(user)),
        Ok(_) => {
            let (what, value) = (kind::USER, login.to_owned());
            Err(DirectoryError::Taken { what, field: "login", value })
        }
        Err(DirectoryError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn create(
    new: NewUser,
    disabled: Option<bool>,
    context: &Context<'_>,
) -> Result<UserView, DirectoryError> {
    let users = context.directory.users();
    let user = users.create(new, context.change).await?;
    if disabled != Some(true) {
        return Ok(user);
    }
    let patch = UserPatch { disabled, ..UserPatch::default() };
    users.change(&user.id, patch, context.change).await
}

//! Files of end users.

use serde::{Deserialize, Serialize};

use super::found;
use super::row::{Fault, text};
use super::{Context, File, ReportLine};
use crate::credential::folding::fold;
use crate::directory::accounts::end_users::{EndUserPatch, EndUserView, NewEndUser};
use crate::directory::{Directory, DirectoryError, EndUserId, OrganizationId};
use crate::jobs::line::Effect;
use crate::spreadsheet::{Column, Row};

/// How a file of end users is imported.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EndUserImport {
    /// The organization of rows that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
}

/// A file of end users. A row is about the end user of its organization with its id, or else its
/// email address, or else, without an address, its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndUserFile(pub EndUserImport);

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndUserRow {
    organization: OrganizationId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<EndUserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl File for EndUserFile {
    type Row = EndUserRow;

    const KIND: &'static str = "import-end-users";
    const RECORD: &'static str = "end-user";
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
        Column::new("id", &["enduserid", "endbenutzerid", "kennung"]),
        Column::new(
            "name",
            &["fullname", "contact", "ansprechpartner", "kontakt", "enduser", "endbenutzer"],
        ),
        Column::new("email", &["emailaddress", "mail", "emailadresse"]),
    ];

    fn summary(&self) -> String {
        "end users from a file".to_owned()
    }

    async fn read(
        &self,
        row: &Row,
        found: &mut found::Organizations<'_>,
    ) -> Result<(Option<OrganizationId>, EndUserRow), Fault> {
        let organization = of_row(row, self.0.organization.as_ref(), found).await?;
        let row = EndUserRow {
            organization: organization.clone(),
            id: row.get("id").map(EndUserId::from),
            name: text(row, "name"),
            email: text(row, "email"),
        };
        if row.name.is_none() && row.email.is_none() {
            return Err(Fault::of_cell("name", "is empty"));
        }
        Ok((Some(organization), row))
    }

    async fn apply(
        &self,
        row: &EndUserRow,
        line: ReportLine,
        context: &Context<'_>,
    ) -> Result<ReportLine, DirectoryError> {
        let end_users = context.directory.end_users();
        let (result, end_user) = match row.existing(context.directory).await? {
            None => {
                let Some(name) = row.name.clone() else {
                    return Err(DirectoryError::invalid(
                        "name",
                        "is empty; a new end user needs one",
                    ));
                };
                let new = NewEndUser { name, email: row.email.clone() };
                (Effect::Created, end_users.create(&row.organization, new, context.change).await?)
            }
            Some(existing) => match row.patch(&existing) {
                None => (Effect::Unchanged, existing),
                Some(patch) => {
                    let (organization, id) = (&row.organization, &existing.id);
                    let changed = end_users.change(organization, id, patch, context.change);
                    (Effect::Updated, changed.await?)
                }
            },
        };
        let id = Some(end_user.id.to_string());
        Ok(ReportLine { result, id, end_user: Some(end_user.id), ..line })
    }
}

impl EndUserRow {
    async fn existing(&self, directory: &Directory) -> Result<Option<EndUserView>, DirectoryError> {
        let organization = &self.organization;
        if let Some(id) = &self.id {
            match directory.end_users().get(organization, id).await {
                // It is that of another installation.
                Err(DirectoryError::NotFound { .. }) => {}
                found => return found.map(Some),
            }
        }
        match (&self.email, &self.name) {
            (Some(email), _) => {
                let is_it = |found: &EndUserView| {
                    found.email.as_deref().is_some_and(|it| fold(it) == fold(email))
                };
                found::end_user_with(directory, organization, email, is_it).await
            }
            (None, Some(name)) => {
                let is_it = |found: &EndUserView| fold(&found.name) == fold(name);
                found::end_user_with(directory, organization, name, is_it).await
            }
            (None, None) => Ok(None),
        }
    }

    /// The changes to an end user; `None` if it is as wanted.
    fn patch(&self, existing: &EndUserView) -> Option<EndUserPatch> {
        let name = self.name.clone().filter(|name| *name != existing.name);
        let email = self.email.clone().filter(|email| Some(email) != existing.email.as_ref());
        let is_changed = name.is_some() || email.is_some();
        is_changed.then(|| EndUserPatch { name, email: email.map(Some) })
    }
}

/// The organization that a row names, or the one of all rows.
pub(super) async fn of_row(
    row: &Row,
    default: Option<&OrganizationId>,
    found: &mut found::Organizations<'_>,
) -> Result<OrganizationId, Fault> {
    match (row.get("organization"), default) {
        (Some(given), _) => found.named(given).await,
        (None, Some(default)) => found.named(default.as_ref()).await,
        (None, None) => Err(Fault::of_cell("organization", "is empty")),
    }
}

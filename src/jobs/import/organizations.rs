//! Files of organizations.

use serde::{Deserialize, Serialize};

use super::found;
use super::row::{Fault, text};
use super::{Context, File, ReportLine};
use crate::directory::accounts::organizations::{
    NewOrganization, OrganizationPatch, OrganizationView,
};
use crate::directory::{DirectoryError, OrganizationId};
use crate::jobs::line::Effect;
use crate::spreadsheet::{Column, Row};

/// A file of organizations. A row is about the organization with its id, or else its name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OrganizationFile {}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<OrganizationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl File for OrganizationFile {
    type Row = OrganizationRow;

    const KIND: &'static str = "import-organizations";
    const RECORD: &'static str = "organization";
    const COLUMNS: &'static [Column] = &[
        Column::new("id", &["organizationid", "organisationsid", "kennung", "kundennummer"]),
        Column::new(
            "name",
            &["organization", "organisation", "company", "firma", "unternehmen", "kunde"],
        ),
        Column::new("email", &["emailaddress", "mail", "emailadresse"]),
        Column::ignored("portal_users"),
        Column::ignored("link_enabled"),
    ];

    fn summary(&self) -> String {
        "organizations from a file".to_owned()
    }

    async fn read(
        &self,
        row: &Row,
        found: &mut found::Organizations<'_>,
    ) -> Result<(Option<OrganizationId>, OrganizationRow), Fault> {
        let wanted = OrganizationRow {
            id: row.get("id").map(OrganizationId::from),
            name: text(row, "name"),
            email: text(row, "email"),
        };
        let existing = wanted.existing(found.directory()).await?.map(|existing| existing.id);
        if existing.is_none() && found.is_limited() {
            return Err(Fault::Row {
                code: "out-of-scope".to_owned(),
                reason: "there is no such organization in your scope, and you cannot create one"
                    .to_owned(),
            });
        }
        Ok((existing, wanted))
    }

    async fn apply(
        &self,
        row: &OrganizationRow,
        line: ReportLine,
        context: &Context<'_>,
    ) -> Result<ReportLine, DirectoryError> {
        let organizations = context.directory.organizations();
        let (result, organization) = match row.existing(context.directory).await? {
            None => {
                let Some(name) = row.name.clone() else {
                    return Err(DirectoryError::invalid(
                        "name",
                        "is empty; a new organization needs one",
                    ));
                };
                let new = NewOrganization { id: row.id.clone(), name, email: row.email.clone() };
                (Effect::Created, organizations.create(new, context.change).await?)
            }
            Some(existing) => match row.patch(&existing) {
                None => (Effect::Unchanged, existing),
                Some(patch) => (
                    Effect::Updated,
                    organizations.change(&existing.id, patch, context.change).await?,
                ),
            },
        };
        let id = Some(organization.id.to_string());
        Ok(ReportLine { result, id, organization: Some(organization.id), ..line })
    }
}

impl OrganizationRow {
    async fn existing(
        &self,
        directory: &crate::directory::Directory,
    ) -> Result<Option<OrganizationView>, DirectoryError> {
        // With an id, the name may be a new one.
        let name = match &self.id {
            Some(_) => "",
            None => self.name.as_deref().unwrap_or_default(),
        };
        found::organization(directory, self.id.as_ref().map(AsRef::as_ref), name).await
    }

    /// The changes to an organization; `None` if it is as wanted.
    fn patch(&self, existing: &OrganizationView) -> Option<OrganizationPatch> {
        let name = self.name.clone().filter(|name| *name != existing.name);
        let email = self.email.clone().filter(|email| Some(email) != existing.email.as_ref());
        let is_changed = name.is_some() || email.is_some();
        is_changed.then(|| OrganizationPatch {
            name,
            email: email.map(Some),
            ..OrganizationPatch::default()
        })
    }
}

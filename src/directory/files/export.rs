//! The records as the text of a file, section by section and in order of id, some at a time.

use std::collections::VecDeque;

use super::entry::Entry;
use super::text;
use crate::directory::Directory;
use crate::directory::error::DirectoryError;
use crate::directory::records::document::Document;
use crate::directory::records::{
    Authority, Change, EndUser, Group, Organization, Preferences, Stored, User,
};
use portcullis_store::StoreError;

/// The most records that are read at a time.
const BATCH: usize = 1000;

/// The first lines of an exported file.
const HEADER: &str = "# Groups, organizations, portal users and preferences of a Portcullis gateway, without\n\
                      # secrets. `portcullis apply` reads it.\n";

/// Which sections a file gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sections {
    /// The preferences.
    pub preferences: bool,
    /// The groups.
    pub groups: bool,
    /// The organizations and their end users.
    pub organizations: bool,
    /// The portal users.
    pub users: bool,
}

impl Sections {
    /// All sections.
    pub const ALL: Self =
        Self { preferences: true, groups: true, organizations: true, users: true };
    /// Those that belong to organizations.
    pub const OF_ORGANIZATIONS: Self = Self { preferences: false, groups: false, ..Self::ALL };
    /// The names of sections.
    pub const NAMES: [&str; 4] = ["groups", "organizations", "users", "preferences"];

    /// The sections with these names, separated by commas.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] for the field `what`, if a name is unknown or none is given.
    pub fn parse(names: &str) -> Result<Self, DirectoryError> {
        let mut sections =
            Self { preferences: false, groups: false, organizations: false, users: false };
        for name in names.split(',').map(str::trim) {
            *match name {
                "preferences" => &mut sections.preferences,
                "groups" => &mut sections.groups,
                "organizations" => &mut sections.organizations,
                "users" => &mut sections.users,
                _ => {
                    let message = format!("must be some of {}", Self::NAMES.join(", "));
                    return Err(DirectoryError::invalid("what", message));
                }
            } = true;
        }
        Ok(sections)
    }

    /// The names of the sections.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let has = [self.groups, self.organizations, self.users, self.preferences];
        Self::NAMES.into_iter().zip(has).filter(|(_, has)| *has).map(|(name, _)| name).collect()
    }

    /// Whether one of them belongs to the gateway as a whole.
    const fn is_global(self) -> bool {
        self.preferences || self.groups
    }
}

/// A file that is being written.
#[derive(Debug)]
pub struct Export {
    directory: Directory,
    parts: VecDeque<Part>,
    /// The id of the last record of the current part.
    after: Option<String>,
}

/// A part of a file.
#[derive(Debug, Clone, Copy)]
enum Part {
    Header,
    Preferences,
    Groups,
    Organizations,
    EndUsers,
    Users,
}

impl Directory {
    /// The records as the text of a file: with a limited scope, those of its organizations. The
    /// records are read while the text is, so changes in the meantime may be in it in part.
    ///
    /// # Errors
    /// When the actor may not read or change all that is asked for (I10).
    pub fn export(&self, sections: Sections, change: &Change) -> Result<Export, DirectoryError> {
        match sections.is_global() {
            true => change.requires_over_gateway(Authority::Manage)?,
            false => change.requires(Authority::Manage)?,
        }
        let parts = [
            (true, Part::Header),
            (sections.preferences, Part::Preferences),
            (sections.groups, Part::Groups),
            (sections.organizations, Part::Organizations),
            (sections.organizations, Part::EndUsers),
            (sections.users, Part::Users),
        ];
        let parts = parts.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, part)| part);
        let directory = self.within(&change.actor.scope());
        Ok(Export { directory, parts: parts.collect(), after: None })
    }
}

impl Export {
    /// The next lines, each with a line feed; `None` at the end.
    ///
    /// # Errors
    /// When the store is unavailable, or a record is damaged.
    pub async fn lines(&mut self) -> Result<Option<String>, StoreError> {
        let mut text = String::new();
        while text.is_empty() {
            let Some(part) = self.parts.front().copied() else { return Ok(None) };
            match part {
                Part::Header => {
                    text.push_str(HEADER);
                    self.parts.pop_front();
                }
                Part::Preferences => self.push::<Preferences>(&mut text, Entry::from).await?,
                Part::Groups => {
                    let directory = self.directory.clone();
                    self.push::<Group>(&mut text, |it| directory.group_entry(it)).await?;
                }
                Part::Organizations => self.push::<Organization>(&mut text, Entry::from).await?,
                Part::EndUsers => self.push::<EndUser>(&mut text, Entry::from).await?,
                Part::Users => self.push::<User>(&mut text, Entry::from).await?,
            }
        }
        Ok(Some(text))
    }

    /// Appends the next records of the current part, and goes on to the next part after the last.
    async fn push<T: Document>(
        &mut self,
        text: &mut String,
        entry: impl Fn(Stored<T>) -> Entry,
    ) -> Result<(), StoreError> {
        let read = self.directory.records().read();
        let records = read.records::<T>(None, self.after.as_deref(), BATCH).await?;
        self.after = records.last().map(|record| record.id.clone());
        if records.len() < BATCH {
            self.parts.pop_front();
            self.after = None;
        }
        for record in records {
            text::push(text, &entry(Stored::decode(record)?));
        }
        Ok(())
    }
}

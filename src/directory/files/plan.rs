//! What applying a file would do: its entries compared with the records.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::entry::Entry;
use super::problem::{At, PlanError};
use super::read::File;
use super::step::{ApplyOptions, Current, Step, Task};
use crate::directory::Directory;
use crate::directory::records::document::Document;
use crate::directory::records::{
    Authority, Change, EndUser, Group, ManagedBy, Organization, Preferences, Stored, User,
};
use portcullis_policy::built_in;
use portcullis_store::StoreError;

/// How many records are read at a time.
const BATCH: usize = 1000;

/// What applying a file does, in order.
#[derive(Debug)]
pub struct FilePlan {
    /// The records that it writes.
    pub steps: Vec<PlannedStep>,
    /// How many records are as the file describes them.
    pub unchanged: u64,
}

/// A step, and what it changes.
#[derive(Debug)]
pub struct PlannedStep {
    /// What is done.
    pub step: Step,
    /// What becomes of the record.
    pub action: Action,
    /// The fields that change. All of them, if the record is created; none, if it is removed.
    pub fields: Vec<FieldChange>,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PlannedAction")]
pub enum Action {
    /// It is created.
    Create,
    /// Its fields change, or the file that manages it.
    Change,
    /// It is deleted.
    Remove,
    /// It stays as it is, and the file no longer manages it.
    Release,
}

/// A field of a record that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FieldChange {
    /// Its name.
    pub field: &'static str,
    /// Its value now; `null` if it has none.
    pub before: Value,
    /// Its value afterwards.
    pub after: Value,
}

impl Directory {
    /// What applying a file would do. With a limited scope, the file may have only records of its
    /// organizations.
    ///
    /// # Errors
    /// Everything that is wrong with the file; when the actor may not change all of its records (I10),
    /// or the store is unavailable.
    pub async fn plan_file(
        &self,
        file: File,
        options: &ApplyOptions,
        change: &Change,
    ) -> Result<FilePlan, PlanError> {
        change.requires(Authority::Manage)?;
        let directory = self.within(&change.actor.scope());
        let entries = directory.checked(file, change).await?;
        let mut plan = FilePlan { steps: Vec::new(), unchanged: 0 };
        let mut named = BTreeSet::new();
        for At { value: mut entry, place } in entries {
            let current = directory.current(&entry).await?;
            if let Some(current) = &current {
                entry.complete(&current.entry);
            }
            named.extend(entry.id().map(|id| (entry.noun(), id.to_owned())));
            let fields = differences(&entry, current.as_ref(), options);
            let action = if current.is_some() { Action::Change } else { Action::Create };
            if fields.is_empty() {
                plan.unchanged += 1;
                continue;
            }
            let step = Step { line: Some(place.line), task: Task::Write(entry) };
            plan.steps.push(PlannedStep { step, action, fields });
        }
        if options.prune {
            directory.prune(options, &named, &mut plan).await?;
        }
        Ok(plan)
    }

    /// Adds what the file managed and no longer has: first what refers to others.
    async fn prune(
        &self,
        options: &ApplyOptions,
        named: &BTreeSet<(&'static str, String)>,
        plan: &mut FilePlan,
    ) -> Result<(), StoreError> {
        let mut managed = Vec::new();
        managed.extend(self.managed::<User>(options, Current::of).await?);
        managed.extend(self.managed::<EndUser>(options, Current::of).await?);
        managed.extend(self.managed::<Organization>(options, Current::of).await?);
        managed.extend(self.managed::<Group>(options, |it| self.group_now(it)).await?);
        managed.extend(self.managed::<Preferences>(options, Current::of).await?);
        for Current { entry, mark, .. } in managed {
            let id = entry.id().unwrap_or_default();
            if named.contains(&(entry.noun(), id.to_owned())) {
                continue;
            }
            let stays = match &entry {
                Entry::Preferences(_) => true,
                Entry::Group(group) => built_in::ALL.contains(&group.id.as_str()),
                _ => false,
            };
            let (action, task, fields) = match stays {
                true => {
                    let fields = vec![mark_change(mark.as_ref(), None)];
                    (Action::Release, Task::Release(entry), fields)
                }
                false => (Action::Remove, Task::Remove(entry), Vec::new()),
            };
            plan.steps.push(PlannedStep { step: Step { line: None, task }, action, fields });
        }
        Ok(())
    }

    /// The records of a kind that the file manages.
    async fn managed<T: Document>(
        &self,
        options: &ApplyOptions,
        current: impl Fn(Stored<T>) -> Current,
    ) -> Result<Vec<Current>, StoreError> {
        let (key, mut all) = (options.source.key(), Vec::new());
        let mut after: Option<String> = None;
        loop {
            let read = self.records().read();
            let records = read.records::<T>(Some(&key), after.as_deref(), BATCH).await?;
            after = records.last().map(|record| record.id.clone());
            let is_last = records.len() < BATCH;
            for record in records {
                all.push(current(Stored::decode(record)?));
            }
            if is_last {
                return Ok(all);
            }
        }
    }
}

impl Entry {
    /// Takes over what the file leaves as it is, and the id of a user that it names by login.
    fn complete(&mut self, current: &Self) {
        match (self, current) {
            (Self::Preferences(wanted), Self::Preferences(current))
                if wanted.default_group.is_none() =>
            {
                wanted.default_group.clone_from(&current.default_group);
            }
            (Self::User(wanted), Self::User(current)) => wanted.id.clone_from(&current.id),
            _ => {}
        }
    }
}

fn differences(
    wanted: &Entry,
    current: Option<&Current>,
    options: &ApplyOptions,
) -> Vec<FieldChange> {
    let before = current.map(|current| current.entry.fields()).unwrap_or_default();
    let value_before = |field: &str| {
        let found = before.iter().find(|(name, _)| *name == field);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let changed = wanted.fields().into_iter().filter_map(|(field, after)| {
        let before = value_before(field);
        (before != after).then_some(FieldChange { field, before, after })
    });
    let mut changed: Vec<_> = changed.collect();
    let mark = current.and_then(|current| current.mark.as_ref());
    if mark.is_none_or(|mark| mark.name != options.source.name) {
        changed.push(mark_change(mark, Some(&options.source)));
    }
    changed
}

fn mark_change(before: Option<&ManagedBy>, after: Option<&ManagedBy>) -> FieldChange {
    let [before, after] = [before, after].map(|mark| mark.map(ToString::to_string).into());
    FieldChange { field: "managed_by", before, after }
}

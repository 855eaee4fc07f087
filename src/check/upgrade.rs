//! Whether this version can take over from the gateway that runs.

use std::collections::BTreeMap;

use portcullis_policy::PolicyProblems;
use serde::Deserialize;

use super::report::{Problem, Valid};
use crate::admin::Installation;
use crate::app::records;
use crate::config::Settings;
use crate::directory::{check_expectations, granted_to};

/// What the running gateway works with, as its API has it.
#[derive(Debug, Deserialize)]
pub struct Running {
    /// Its version.
    pub version: String,
    store: Installation,
    groups: BTreeMap<String, Vec<String>>,
}

impl Running {
    /// What would prevent this version from starting with the store and the groups, or make it start
    /// with others. If nothing would: the format that the store will be upgraded from, if it will.
    ///
    /// # Errors
    /// All problems.
    pub fn check(&self, valid: &Valid) -> Result<Option<u64>, Vec<Problem>> {
        let settings = &valid.settings;
        let mut problems = Vec::new();
        let mut own_format = self.store.format;
        match records::existing_installation(settings) {
            Ok(own) => {
                own_format = own.format;
                problems.extend(self.differences(&own, settings));
            }
            Err(error) => problems.push(Problem::new(None, format!("secrets.key_file: {error}"))),
        }
        if let Err(failed) = self.check_expectations(valid) {
            problems.extend(Problem::of_policy(&failed, &settings.policy.directory));
        }
        if problems.is_empty() {
            let upgraded = self.store.format < own_format;
            return Ok(upgraded.then_some(self.store.format));
        }
        Err(problems)
    }

    /// What of the store and its key this version cannot take over.
    fn differences(&self, own: &Installation, settings: &Settings) -> Vec<Problem> {
        let Installation { path, format, key_id } = &self.store;
        let mut found = Vec::new();
        if *format > own.format {
            found.push(format!(
                "the store has format {format}, and version {} opens stores up to format {}; use \
                 version {} or a later one",
                env!("CARGO_PKG_VERSION"),
                own.format,
                self.version,
            ));
        }
        let is_same = match (own.path.canonicalize(), path.canonicalize()) {
            (Ok(own), Ok(running)) => own == running,
            (_, _) => own.path == *path,
        };
        if !is_same {
            found.push(format!(
                "store.path: the running gateway has its store in `{}`, and these settings have \
                 `{}`; check the settings of the service, in its working directory",
                path.display(),
                own.path.display(),
            ));
        }
        if *key_id != own.key_id {
            found.push(format!(
                "secrets.key_file: `{}` is not the secret key of the running gateway, so the store \
                 would not open; restore that key",
                settings.key_file.display(),
            ));
        }
        found.into_iter().map(|text| Problem::new(None, text)).collect()
    }

    /// Checks the expectations of the policy with the groups of the running gateway.
    fn check_expectations(&self, valid: &Valid) -> Result<(), PolicyProblems> {
        let catalogue = valid.policy.catalogue();
        check_expectations(&valid.policy, &|id| {
            self.groups.get(id).map(|permissions| granted_to(catalogue, id, permissions))
        })
    }
}

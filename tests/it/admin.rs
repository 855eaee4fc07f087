//! What operators do with a running gateway.

mod cli;
mod csv_files;
mod dry_run;
mod files;
mod lookup;
mod output;
mod policy_reload;
mod questions;
mod scope;
mod two_editors;
mod ui;
mod ui_account;
mod ui_activity;
mod ui_branding;
mod ui_explain;
mod ui_gateway;
mod ui_groups;
mod ui_jobs;
mod ui_kept_forms;
mod ui_organizations;
mod ui_requests;
mod ui_roles;
mod ui_sign_in;
mod ui_users;

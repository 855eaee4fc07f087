//! The router over a real store, called as a client does.

mod bench;
mod conformance;
mod documentation;
mod dry_run;
mod dry_run_property;
mod explaining;
mod groups;
mod guard;
mod imports;
mod jobs;
mod late_bodies;
mod mail;
mod own_factor;
mod own_password;
mod people;
mod portal;
mod requests;
mod roles;
mod scope;
mod status;
mod tokens;
mod versions;

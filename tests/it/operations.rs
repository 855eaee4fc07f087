//! The process: start, stop, kill, store, mail, logs, shipped files.

mod audit;
mod audit_kinds;
mod audit_refused;
mod certificates;
mod check;
mod command_line;
mod demo;
mod doctor;
mod doctor_as_portal;
mod durability;
mod events;
mod jobs;
mod log;
mod log_lost;
mod mail;
mod redirect;
mod references;
mod secrets;
mod setup;
mod shipped;
mod shutdown;
mod store;
mod suggest;
mod trials;

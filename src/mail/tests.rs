mod bench;
mod messages;
mod sending;
mod servers;
mod templates;

#[path = "../../tests/support/smtp.rs"]
mod smtp;

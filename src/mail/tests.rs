mod bench;
mod messages;
mod sending;
mod servers;
mod templates;

#[path = "../../tests/it/smtp.rs"]
mod smtp;

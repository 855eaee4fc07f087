mod bench;
mod messages;
mod sending;
mod templates;

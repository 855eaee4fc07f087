//! The router over a real store, asked as a client would.

mod bench;
mod explaining;
mod gate;
mod groups;
mod mail;
mod people;
mod portal;
mod reading;

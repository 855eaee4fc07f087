//! The router over a real store, asked as a client would.

mod bench;
mod explaining;
mod gate;
mod groups;
mod people;
mod portal;
mod reading;

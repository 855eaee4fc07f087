//! Checks of the repository itself, read as text: what the documents name exists, imports between
//! modules go one way, files and test names stay short. Nothing of the program runs here.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod documents;
mod imports;
mod layers;
mod observability;
mod sizes;
mod source;
mod spawns;
mod writes;

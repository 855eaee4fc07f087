//! What operators do with a running gateway.

mod cli;
mod policy_reload;

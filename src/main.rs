//! The `portcullis` program: parse, dispatch, exit code.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use portcullis::cli::Cli;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// 0 when it is done, 1 when it was refused or failed; wrong usage ends with 2 in `parse`.
fn main() -> ExitCode {
    let done = Cli::parse().run(&mut io::stdout());
    let Err(error) = done else { return ExitCode::SUCCESS };
    // When even that cannot be told, the exit code must do.
    let _ = writeln!(io::stderr(), "portcullis: {error:#}");
    ExitCode::FAILURE
}

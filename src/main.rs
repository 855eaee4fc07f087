//! The `portcullis` program: runs the command line and returns its exit code.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use portcullis::cli::Cli;
use portcullis::cli::terminal::{Escaping, escaped};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The exit code is 0 on success and 1 on failure or refusal. Wrong usage exits with 2, in
/// [`Cli::read`].
fn main() -> ExitCode {
    let mut output = Output::default();
    let result = Cli::read().run(&mut Escaping(&mut output));
    let Err(error) = result else { return ExitCode::SUCCESS };
    if output.closed {
        return ExitCode::SUCCESS;
    }
    // If standard error is closed, only the exit code reports the failure.
    let _ = writeln!(io::stderr(), "portcullis: {}", escaped(&with_causes(&error)));
    ExitCode::FAILURE
}

/// The error and its causes, except those that the text already contains.
fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Standard output. If the reader closes it, as `head` does, the command has not failed.
#[derive(Debug, Default)]
struct Output {
    closed: bool,
}

impl Output {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.closed |= matches!(&result, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
        result
    }
}

impl Write for Output {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = io::stdout().write(buf);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = io::stdout().flush();
        self.note(flushed)
    }
}

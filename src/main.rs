//! The `portcullis` program: runs the command line and returns its exit code.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use portcullis::cli::Cli;
use portcullis::cli::screen::{Look, Printer, Style};
use portcullis::cli::terminal::escaped;
use portcullis::cli::usage::WrongUsage;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The exit code is 0 on success, 1 on failure or refusal and 2 on wrong usage, most of which
/// [`Cli::read`] finds.
fn main() -> ExitCode {
    let mut output = Output::default();
    let command = Cli::read();
    let result = command.run(&mut Printer::new(&mut output, Look::of(&io::stdout())));
    let Err(error) = result else { return ExitCode::SUCCESS };
    if output.closed {
        return ExitCode::SUCCESS;
    }
    // If standard error is closed, only the exit code reports the failure.
    let name = Look::of(&io::stderr()).painted(Style::Error, "portcullis:").into_owned();
    let _ = writeln!(io::stderr(), "{name} {}", escaped(&with_causes(&error)));
    if error.is::<WrongUsage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
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

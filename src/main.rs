//! The `portcullis` program: parse, dispatch, exit code.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use portcullis::cli::Cli;
use portcullis::cli::terminal::{Escaping, escaped};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// 0 when it is done, 1 when it was refused or failed; wrong usage ends with 2 in `read`.
fn main() -> ExitCode {
    let mut output = Output::default();
    let done = Cli::read().run(&mut Escaping(&mut output));
    let Err(error) = done else { return ExitCode::SUCCESS };
    if output.unread {
        return ExitCode::SUCCESS;
    }
    // When even that cannot be told, the exit code must do.
    let _ = writeln!(io::stderr(), "portcullis: {}", escaped(&in_full(&error)));
    ExitCode::FAILURE
}

/// The error with its causes, each said once: many name their cause themselves.
fn in_full(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}

/// The standard output, and whether somebody still reads it: `head` stops when it has enough, and
/// what was to be done has been done then.
#[derive(Debug, Default)]
struct Output {
    unread: bool,
}

impl Output {
    fn note<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        self.unread |= matches!(&done, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
        done
    }
}

impl Write for Output {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let done = io::stdout().write(buf);
        self.note(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = io::stdout().flush();
        self.note(done)
    }
}

//! Passwords that an administrator gives: never as an argument, where other users of the machine
//! and the shell's history would see them.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Reads a password: the first line of the standard input, or typed twice at the terminal.
pub(super) fn read(from_stdin: bool) -> anyhow::Result<Zeroizing<String>> {
    if from_stdin {
        return line();
    }
    if !io::stdin().is_terminal() {
        bail!("no terminal to ask for the password at; give it with --password-stdin");
    }
    let first = ask("Password: ")?;
    let second = ask("Again: ")?;
    if first != second {
        bail!("the two passwords differ; nothing was changed");
    }
    Ok(first)
}

fn ask(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    write!(io::stderr(), "{prompt}")?;
    let silence = Silence::begin()?;
    let line = line();
    drop(silence);
    writeln!(io::stderr())?;
    line
}

fn line() -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line).context("the password cannot be read")?;
    let kept = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(kept);
    if line.is_empty() {
        bail!("no password was given");
    }
    Ok(line)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence(Termios);

impl Silence {
    fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to be put back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

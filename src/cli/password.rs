//! Passwords that an operator types or pipes in. Never arguments: those are visible to other users of
//! the machine, and kept in the history of the shell.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::usage::WrongUsage;

/// Reads a password: the first line of standard input, or typed twice at the terminal.
pub(super) fn read(from_stdin: bool) -> anyhow::Result<Zeroizing<String>> {
    if from_stdin {
        return line();
    }
    if !io::stdin().is_terminal() {
        let message =
            "standard input is not a terminal; use --password-stdin to read the password from it";
        return Err(WrongUsage(message.to_owned()).into());
    }
    let first = ask("Password: ")?;
    let second = ask("Repeat: ")?;
    if first != second {
        bail!("the passwords do not match; nothing was changed");
    }
    Ok(first)
}

fn ask(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    write!(io::stderr(), "{prompt}")?;
    let echo = EchoOff::start()?;
    let line = line();
    drop(echo);
    writeln!(io::stderr())?;
    line
}

fn line() -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line).context("cannot read the password")?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    if line.is_empty() {
        bail!("the password is empty");
    }
    Ok(line)
}

/// Turns the echo of the terminal off until it is dropped.
struct EchoOff(Termios);

impl EchoOff {
    fn start() -> anyhow::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut without_echo = before.clone();
        without_echo.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &without_echo)?;
        Ok(Self(before))
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // Fails only if the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

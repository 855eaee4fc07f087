//! `completions`: what a shell needs to complete the command line.

use std::io::Write;

use clap::Command;
use clap_complete::{Shell, generate};

/// Arguments of `portcullis completions`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell that completes
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl CompletionsArgs {
    /// Prints the script for a command line of this definition.
    pub(super) fn run(self, mut definition: Command, out: &mut dyn Write) -> anyhow::Result<()> {
        let name = definition.get_name().to_owned();
        // Generating panics when the script cannot be written, so it is written to memory first.
        let mut script = Vec::new();
        generate(self.shell, &mut definition, name, &mut script);
        Ok(out.write_all(&script)?)
    }
}

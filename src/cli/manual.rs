//! `man`: the manual pages, one for each command.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Command;

/// Arguments of `portcullis man`.
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Folder to write the pages to; it is created if it does not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl ManArgs {
    /// Writes the pages of a command line of this definition, and prints where they are.
    pub(super) fn run(
        self,
        definition: Command,
        json: bool,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let Self { directory } = self;
        let shown = directory.display();
        fs::create_dir_all(&directory).with_context(|| format!("could not create `{shown}`"))?;
        clap_mangen::generate_to(definition, &directory)
            .with_context(|| format!("could not write the pages to `{shown}`"))?;
        if json {
            writeln!(out, "{}", serde_json::json!({ "directory": directory }))?;
            return Ok(());
        }
        writeln!(
            out,
            "The manual pages are in {shown}; read them with `man -l {shown}/portcullis.1`."
        )?;
        Ok(())
    }
}

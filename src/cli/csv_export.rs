//! `export --format csv`: lists as files for spreadsheets, which can be imported again.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::console::Console;

/// Where a file goes.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// The format
    #[arg(long, value_parser = ["csv"], default_value = "csv", hide_possible_values = true)]
    format: String,
    /// The file to create [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Target {
    /// Writes the whole of a list.
    pub(super) fn write(
        self,
        console: &mut Console<'_>,
        segments: &[&str],
        params: &[(&str, Option<&str>)],
    ) -> anyhow::Result<()> {
        write(
            console,
            self.output,
            segments,
            &[params, &[("format", Some(&*self.format))]].concat(),
        )
    }
}

/// Writes a response to a new file, or to standard output.
pub(super) fn write(
    console: &mut Console<'_>,
    output: Option<PathBuf>,
    segments: &[&str],
    params: &[(&str, Option<&str>)],
) -> anyhow::Result<()> {
    let Some(path) = output else { return console.copy_file(segments, params) };
    let file =
        File::create_new(&path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut file = BufWriter::new(file);
    console.read_with(segments, params, &mut |part| Ok(file.write_all(part)?))?;
    file.flush()?;
    console.report(&json!({ "file": path }), &format!("Wrote {}.", path.display()))
}

//! `elimap man`: the manual.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::output::Text;

/// Print the manual page, or write that of every command to a folder
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap man | man -l -
  elimap man --out ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// Write elimap.1, elimap-moments.1 and so on to this folder instead
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, program: clap::Command) -> Result<Text> {
    let mut text = Text::new();
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(program, folder))
            .with_context(|| format!("writing the manual to `{}`", folder.display()))?;
        return Ok(text);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(program).render(&mut page)?;
    text.line(String::from_utf8(page)?.trim_end());
    Ok(text)
}

//! `elimap completions`: what a shell needs to complete the command line.

use anyhow::Result;
use clap_complete::Shell;

use crate::output::Text;

/// Print a shell's completions
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  elimap completions bash > ~/.local/share/bash-completion/completions/elimap
  elimap completions zsh > ~/.zfunc/_elimap
  elimap completions fish > ~/.config/fish/completions/elimap.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, mut program: clap::Command) -> Result<Text> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "elimap", &mut script);
    let mut text = Text::new();
    text.line(String::from_utf8(script)?.trim_end());
    Ok(text)
}

//! `atlasmesh completions SHELL`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::args::{self, Arguments};
use crate::cli::output;

pub fn run(shell: args::Shell) {
    let shell = match shell {
        args::Shell::Bash => Shell::Bash,
        args::Shell::Zsh => Shell::Zsh,
        args::Shell::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "atlasmesh", &mut script);
    output::bytes(&script);
}

//! `cargo xtask bench pdm [train_FD001.txt]`: what features, training and predictions take and how good they are, and a simulated
//! fleet that is maintained by predictions, by the calendar, and not at all.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

mod fd001;
mod fleet;

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    match std::env::args().nth(1) {
        Some(path) => fd001::run(&std::fs::read_to_string(path)?)?,
        None => println!("no path of train_FD001.txt: FD001 is left out"),
    }
    fleet::run()
}

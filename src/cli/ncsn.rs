//! `ncsn`: training, and everything before and after it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{
    card, command_line, completions, eval, export, import, info, likelihood, mean, plan, sample,
    thumbnails, toy, train,
};

/// Score-based generative models: planning, training, sampling and measuring.
#[derive(Parser)]
#[command(name = "ncsn", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Plan(plan::Plan),
    Train(Box<train::Arguments>),
    Sample(Box<sample::Sample>),
    Likelihood(likelihood::Likelihood),
    Eval(Box<eval::Eval>),
    Toy(toy::Toy),
    Export(export::Export),
    Import(import::Import),
    Mean(mean::Mean),
    Thumbnails(thumbnails::Thumbnails),
    Card(card::Card),
    Info(info::Info),
    Completions(completions::Completions),
}

/// The program's entry point. The exit code is that of the signal by which a training run was
/// interrupted.
///
/// # Errors
/// Errors are one-line messages for the user.
pub fn main() -> anyhow::Result<ExitCode> {
    let (arguments, matches) = command_line::read::<Arguments>();
    match arguments.command {
        Command::Train(arguments) => {
            let given = matches.subcommand().map_or(&matches, |(_, given)| given);
            return train::train(arguments.checked(given)?);
        }
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Sample(arguments) => sample::run(&arguments),
        Command::Likelihood(arguments) => likelihood::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Toy(arguments) => toy::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Mean(arguments) => mean::run(&arguments),
        Command::Thumbnails(arguments) => thumbnails::run(&arguments),
        Command::Card(arguments) => card::run(&arguments),
        Command::Info(arguments) => info::run(&arguments),
        Command::Completions(arguments) => completions::run::<Arguments>(&arguments),
    }?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::command_line::matches;
    use super::*;

    #[test]
    fn negative_numbers_are_values() {
        for (words, flag) in [
            ("sample --model m -n -3", "--n <N>"),
            ("sample --model m --levels -3", "--levels <LEVELS>"),
            ("train --data x --steps -3", "--steps <STEPS>"),
            ("plan --data x --size -4", "--size <SIZE>"),
        ] {
            let words = format!("ncsn {words}");
            let error = matches(Arguments::command(), words.split(' ')).expect_err("refused");
            let said = error.to_string();
            assert!(said.contains(flag) && !said.contains("unexpected"), "{words}: {said}");
        }
        let words = "ncsn sample --model m --guidance -1 --sigma-max -1";
        matches(Arguments::command(), words.split(' ')).expect("numbers");
    }

    #[test]
    fn an_interval_needs_guidance_by_the_model_itself() {
        let sample = |flags: &str| {
            let words = format!("ncsn sample --model m --guidance-interval 1,2 {flags}");
            matches(Arguments::command(), words.split_whitespace()).map(|_| ())
        };
        sample("--guidance 2").expect("guidance at some levels");
        let refused = |flags| sample(flags).expect_err("it has no effect").to_string();
        let alone = refused("");
        assert!(alone.contains("not provided") && alone.contains("--guidance <"), "{alone}");
        let with_classifier = refused("--guidance 2 --class 1 --classifier c");
        assert!(with_classifier.contains("cannot be used with"), "{with_classifier}");
    }

    /// The names that flags had in earlier versions.
    #[test]
    fn earlier_names_of_flags_still_work() {
        for (command, flags) in [
            (
                "train --data x --init-from m --guiding-model w",
                "--warm-up 3|--sigma-centre 1|--sigma-spread 1|--clip 1|--ema 0.9|--accumulate 2\
                 |--save-every 9|--sample-every 9|--licence MIT|--grey|--autoguidance 2\
                 |--autoguide-min 0|--autoguide-max 1",
            ),
            ("train --data x", "--net ncsn|--from m"),
            ("train --data x --init-from m", "--autoguide w"),
            ("sample --model m", "--sketch a.png|--wander 0.5|--colourise a.png|--autoguide w"),
            ("eval --model m --data x", "--autoguide w|--grey"),
            ("import x.pth", "--licence MIT"),
        ] {
            for flag in flags.split('|') {
                let words = format!("ncsn {command} {flag}");
                let parsed = Arguments::command().try_get_matches_from(words.split(' '));
                assert!(parsed.is_ok(), "{words}: {}", parsed.expect_err("refused"));
            }
        }
    }
}

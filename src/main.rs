//! `pickup`: the command line and, as `pickup worker`, the process in which engines run.
//!
//! One file a command; [`job`] is the way from a request to a take that all of them and the worker share; [`engines`] is the
//! only place that names concrete engines. Exit codes: 0 done, 1 failed, 2 wrong arguments, 130 cancelled.

mod bridge;
mod cli;
mod context;
mod context_file;
mod deliver;
mod doctor;
mod engines;
mod establish;
mod extend;
mod figures;
mod files;
mod fill;
mod insert;
mod job;
mod matching;
mod place;
mod program;
mod promote;
mod prompts;
mod retake;
mod retime;
mod shoot;
mod sink;
mod sound_only;
mod storyboard;
mod strip;
mod takes_command;
mod tell;
mod weights_command;
mod worker_mode;

use std::process::ExitCode;

use clap::Parser;
use shot::{Cancel, Code, Fault};

use cli::{Cli, Command, Tell};
use tell::Teller;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let tell = tell_of(&cli.command);
    let cancel = Cancel::default();
    let flag = cancel.clone();
    // The first Ctrl-C stops at the next frame with nothing half written; the second one ends the process.
    let handler = ctrlc::set_handler(move || {
        if flag.is_cancelled() {
            std::process::exit(130);
        }
        flag.cancel();
    });
    if let Err(e) = handler {
        eprintln!("pickup: Ctrl-C will end this at once: {e}");
    }
    match run(&cli.command, tell, &cancel) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            Teller::fault(tell, &fault);
            match fault.code {
                Code::Cancelled => ExitCode::from(130),
                Code::Argument => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run(command: &Command, tell: Tell, cancel: &Cancel) -> Result<(), Fault> {
    let teller = |what: &str| Teller::new(tell, what);
    match command {
        Command::Bridge(a) => bridge::run(a, &mut teller("bridge"), cancel),
        Command::Insert(a) => insert::run(a, &mut teller("insert"), cancel),
        Command::Establish(a) => establish::run(a, &mut teller("establish"), cancel),
        Command::Extend(a) => extend::run(a, &mut teller("extend"), cancel),
        Command::Retake(a) => retake::run(a, &mut teller("retake"), cancel),
        Command::Retime(a) => retime::run(a, &mut teller("retime"), cancel),
        Command::Sound(a) => sound_only::run(a, &mut teller("sound"), cancel),
        Command::Match(a) => matching::run(a, &mut teller("match"), cancel),
        Command::Fill(a) => fill::run(a, &mut teller("fill"), cancel),
        Command::Storyboard(a) => storyboard::run(a, &mut teller("storyboard")),
        Command::Takes(a) => takes_command::run(a, cancel),
        Command::Weights(a) => weights_command::run(a, cancel),
        Command::Doctor(a) => doctor::run(a),
        Command::Worker => worker_mode::run(),
    }
}

fn tell_of(command: &Command) -> Tell {
    let json = |json| Tell { json, quiet: false };
    match command {
        Command::Bridge(a) => a.common.tell,
        Command::Insert(a) => a.common.tell,
        Command::Establish(a) => a.common.tell,
        Command::Extend(a) => a.common.tell,
        Command::Retake(a) => a.common.tell,
        Command::Retime(a) => a.common.tell,
        Command::Fill(a) => a.common.tell,
        Command::Sound(a) => a.tell,
        Command::Match(a) => a.tell,
        Command::Storyboard(a) => a.tell,
        Command::Takes(a) => json(match &a.command {
            cli::TakesCommand::List(l) => l.json,
            cli::TakesCommand::Show(s) => s.json,
            cli::TakesCommand::Rank(r) => r.json,
            cli::TakesCommand::Gc(g) => g.json,
            cli::TakesCommand::Choose(_) | cli::TakesCommand::Pin(_) => false,
            cli::TakesCommand::Promote(p) => return p.tell,
            cli::TakesCommand::Sheet(s) => return s.tell,
        }),
        Command::Weights(a) => a.command.tell(),
        Command::Doctor(a) => json(a.json),
        Command::Worker => json(false),
    }
}

//! The program `parlor`: a full member of rooms on the command line.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "only native systems have a command line")]

mod account;
mod cli;
mod devices;
mod direct;
mod govern;
mod lock;
mod lookup;
mod messages;
mod network;
mod output;
mod people;
mod rooms;
mod run;
mod secrets;
mod session;
mod terminal;

use clap::{CommandFactory as _, Parser as _};
use cli::{Cli, Do};
use output::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = parlor_node::private::no_core_dumps() {
        output::complain(format_args!("parlor: should it crash, the system may keep what is in its memory ({error})"));
    }
    if let Err(error) = parlor_node::open_files::allow_many() {
        output::complain(format_args!("parlor: only few machines can be connected at once here ({error})"));
    }
    let level = if cli.verbose { "parlor_node=debug,info" } else { "error" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let verbose = cli.verbose;
    let result = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::start(format!("the system refused threads ({error})")))
        .and_then(|runtime| {
            let result = runtime.block_on(carry_out(cli));
            // A thread may still wait for the next line of the input, for ever.
            runtime.shutdown_background();
            result
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(format_args!("parlor: {failure}"));
            if verbose {
                failure.causes().for_each(|cause| output::complain(format_args!("  because: {cause}")));
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn carry_out(cli: Cli) -> Result<(), Failure> {
    if cli.offline
        && matches!(cli.action, Do::Join { .. } | Do::Peers | Do::Archives { .. } | Do::Nearby | Do::Doctor | Do::Run)
    {
        return Err(Failure::usage("this needs the network; leave out --offline"));
    }
    match cli.action.clone() {
        Do::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "parlor", &mut std::io::stdout());
            Ok(())
        }
        Do::Init { name } => rooms::init(&cli, name.as_deref()).await,
        Do::Name { name } => rooms::set_name(&cli, &name).await,
        Do::Create { name, history } => rooms::create(&cli, &name, history.as_deref()).await,
        Do::Code { room, new, expires } => rooms::code(&cli, &room, new, expires.as_deref()).await,
        Do::Join { code, no_wait } => rooms::join(&cli, &code, no_wait).await,
        Do::Rooms => rooms::list(&cli).await,
        Do::Members { room } => rooms::members(&cli, &room).await,
        Do::Send { room, text } => messages::send(&cli, &room, &text).await,
        Do::Tail { room, follow, lines } => messages::tail(&cli, &room, follow, lines).await,
        Do::History { room, since, limit } => messages::history(&cli, &room, since.as_deref(), limit).await,
        Do::Search { words, room, limit } => messages::search(&cli, &words.join(" "), room.as_deref(), limit).await,
        Do::Dm { person, text } => direct::send(&cli, &person, &text).await,
        Do::Requests { room, answer } => direct::requests(&cli, room.as_deref(), answer).await,
        Do::Nearby => direct::nearby(&cli).await,
        Do::People => people::list(&cli).await,
        Do::Person { person } => people::show(&cli, &person).await,
        Do::Verify { person, text, yes, undo } => people::verify(&cli, &person, &text, yes, undo).await,
        Do::Block { person } => people::block(&cli, &person, true).await,
        Do::Unblock { person } => people::block(&cli, &person, false).await,
        Do::Remove { room, who, device } => govern::remove(&cli, &room, &who, device).await,
        Do::Role { room, who, role } => govern::role(&cli, &room, &who, role).await,
        Do::Codes { room, action } => govern::codes(&cli, &room, action).await,
        Do::Policy { room, name, history, newcomers, vanish, slow } => {
            let (name, history, vanish, slow) =
                (name.as_deref(), history.as_deref(), vanish.as_deref(), slow.as_deref());
            govern::policy(&cli, &room, govern::Wanted { name, history, newcomers, vanish, slow }).await
        }
        Do::Mute { room, who, time } => govern::mute(&cli, &room, &who, &time).await,
        Do::Leave { room } => govern::leave(&cli, &room).await,
        Do::Dissolve { room } => govern::dissolve(&cli, &room).await,
        Do::Forget { room } => govern::forget(&cli, &room).await,
        Do::Peers => network::peers(&cli).await,
        Do::Archives { add, drop } => network::archives(&cli, add.as_deref(), drop.as_deref()).await,
        Do::Doctor => network::doctor(&cli).await,
        Do::Run => run::run(&cli).await,
        Do::Repair => rooms::repair(&cli).await,
        Do::Devices { action } => devices::devices(&cli, &action).await,
        Do::Account { action } => account::account(&cli, &action).await,
        Do::Lock { action } => lock::lock(&cli, &action),
    }
}

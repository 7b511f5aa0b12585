//! The program `parlor-archive`.

#![forbid(unsafe_code)]

use clap::{CommandFactory as _, FromArgMatches as _};
use parlor_archive::{Archive, ArchiveConfig, Cli, StartError};
use parlor_node::private;
use std::{io::IsTerminal as _, process::ExitCode};

fn main() -> ExitCode {
    let typed = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&typed).unwrap_or_else(|error| error.exit());
    let level = if cli.verbose { "parlor_archive=debug,parlor_node=debug,info" } else { "parlor_archive=info,warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal).with_writer(std::io::stderr).init();
    if let Err(error) = private::no_core_dumps() {
        tracing::warn!(%error, "should the archive crash, the system may keep what is in its memory");
    }
    if let Err(error) = parlor_node::open_files::allow_many() {
        tracing::warn!(%error, "only few machines can be connected at once; raise the limit of open files (LimitNOFILE)");
    }
    if cli.shows_login(&typed) {
        tracing::warn!(
            "other users of this computer can see the login of MongoDB on the command line; better give the address in a \
             file (--mongodb-file) or in the environment (PARLOR_MONGODB)"
        );
    }
    let verbose = cli.verbose;
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::from(error), verbose),
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, verbose),
    }
}

fn fail(error: &anyhow::Error, verbose: bool) -> ExitCode {
    eprintln!("parlor-archive: {error}");
    if verbose {
        error.chain().skip(1).for_each(|cause| eprintln!("  because: {cause}"));
    }
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let settings = cli.settings.with_file()?;
    if cli.print_config {
        print!("{}", settings.to_file()?);
        return Ok(());
    }
    let config = settings.resolve()?;
    match cli.action {
        None => serve(config).await.map_err(Into::into),
        Some(action) => parlor_archive::maintain(&config, action).await,
    }
}

async fn serve(config: ArchiveConfig) -> Result<(), StartError> {
    let dir = config.data_dir.clone();
    let ws_is_open = !matches!(config.ports.ws, parlor_node::net::Port::Local | parlor_node::net::Port::Off);
    let (limits, is_found, wants_page) = (config.limits, config.mdns, config.web.address.is_some());
    let archive = Archive::start(config).await?;
    // Before anybody reads that it runs, and may stop it.
    let stop = listen_for_stop();
    let port = |port: Option<u16>| port.map_or_else(|| "off".to_owned(), |port| port.to_string());
    let net = archive.net();
    println!("Parlor archive {} is running.", env!("CARGO_PKG_VERSION"));
    println!("  device    {}", archive.device());
    let ws = if ws_is_open { format!(", WebSocket {}", port(net.ws_port())) } else { String::new() };
    println!("  listening TCP {}, QUIC (UDP) {}{ws}", port(net.tcp_port()), port(net.quic_port()));
    println!("  data      {}", dir.display());
    println!("  store     {}", archive.store());
    match archive.http() {
        Some(address) => println!("  health    http://{address}/healthz  /readyz  /metrics"),
        None => println!("  health    off"),
    }
    match archive.page() {
        Some(page) => {
            println!("  web       {}", page.links().join("  "));
            if let Some(fingerprint) = &page.fingerprint {
                println!("  certificate (SHA-256) {fingerprint}");
            }
        }
        None if wants_page => println!("  web       none: this program was built without the page; see --web-dir"),
        None => println!("  web       off"),
    }
    println!(
        "  limits    {} MB a room, {} rooms{}, registration {}",
        limits.room.bytes / 1024 / 1024,
        limits.rooms,
        limits.bytes.map_or_else(String::new, |bytes| format!(", {} MB in all", bytes / 1024 / 1024)),
        limits.registration
    );
    if is_found {
        println!("Machines with Parlor on this network find it by themselves (mDNS). Where that is filtered, give");
        println!("them this machine's address and the TCP port above. Stop it with Ctrl-C.");
    } else {
        println!("Give this machine's address and the TCP port above to the others. Stop it with Ctrl-C.");
    }
    stop.await;
    println!("Stopping: storing what was taken ...");
    archive.shutdown().await;
    Ok(())
}

/// Listens from now on for Ctrl-C, and for what the system sends to stop a service; who waits for what
/// comes back waits for either.
fn listen_for_stop() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        async {
            // Without signals the program can only be ended by the system.
            let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return std::future::pending().await };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
    }
    #[cfg(not(unix))]
    async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

//! The app: a window on a desktop, a canvas in a page.

#![forbid(unsafe_code)]
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    use clap::Parser as _;
    // Not more than that: portals, which choose files and show notifications, refuse a program that they cannot
    // look at.
    if let Err(error) = parlor_node::private::no_core_files() {
        eprintln!("parlor-gui: should it crash, the system may keep what is in its memory ({error})");
    }
    if let Err(error) = parlor_node::open_files::allow_many() {
        eprintln!("parlor-gui: only few machines can be connected at once here ({error})");
    }
    let arguments = parlor_gui::native::Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("PARLOR_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,winit=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match parlor_gui::native::run(arguments) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "parlor-gui: no window could be opened ({error}); start it from a desktop, \
                 or use the command line program `parlor`"
            );
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn main() {
    parlor_gui::web::run();
}

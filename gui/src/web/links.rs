//! Opening web addresses that somebody clicks in a message: in a new tab that knows nothing of this page.

use egui::{Context, OutputCommand};

/// Takes the addresses that egui wants opened out of its output, and opens those that are web addresses.
pub(super) fn open_what_waits(ctx: &Context) {
    let mut urls = Vec::new();
    ctx.output_mut(|output| {
        output.commands.retain(|command| match command {
            OutputCommand::OpenUrl(wanted) => {
                urls.push(wanted.url.clone());
                false
            }
            _ => true,
        });
    });
    for url in urls.iter().filter(|url| crate::links::may_open(url)) {
        if let Some(window) = web_sys::window() {
            // It gives nothing back with these words, whether it opened or not.
            let _ = window.open_with_url_and_target_and_features(url, "_blank", "noopener,noreferrer");
        }
    }
}

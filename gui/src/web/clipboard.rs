//! Copying where the browser has no clipboard for pages: over plain http. There the old way is
//! left, a hidden field and the command "copy", which works while a click or a key is fresh.

use egui::{Context, OutputCommand};
use wasm_bindgen::JsCast as _;
use web_sys::{HtmlDocument, HtmlElement, HtmlTextAreaElement};

/// Takes the texts that egui wants copied out of its output, where egui could not copy them.
pub(super) fn copy_what_waits(ctx: &Context) {
    if web_sys::window().is_some_and(|window| window.is_secure_context()) {
        return;
    }
    let mut texts = Vec::new();
    ctx.output_mut(|output| {
        output.commands.retain(|command| match command {
            OutputCommand::CopyText(text) => {
                texts.push(text.clone());
                false
            }
            _ => true,
        });
    });
    for text in texts {
        if copy(&text).is_none() {
            tracing::warn!("this browser did not let the page copy");
        }
    }
}

fn copy(text: &str) -> Option<()> {
    let document = web_sys::window()?.document()?.dyn_into::<HtmlDocument>().ok()?;
    let before = document.active_element();
    let field = document.create_element("textarea").ok()?.dyn_into::<HtmlTextAreaElement>().ok()?;
    field.set_value(text);
    // Out of sight, and not enlarged by phones.
    field.set_class_name("copying");
    document.body()?.append_child(&field).ok()?;
    field.select();
    let copied = document.exec_command("copy").unwrap_or(false);
    field.remove();
    // The field that egui types into has the focus again.
    if let Some(before) = before.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = before.focus();
    }
    copied.then_some(())
}

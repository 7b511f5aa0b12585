//! Fields for what nobody may read over a shoulder or find in memory.

use egui::{Context, Id, Response, Ui};
use std::fmt;
use zeroize::Zeroizing;

use super::field::line_field;

/// Longest text that a field takes, in characters; the protocol has the limit in bytes.
const CHARS_MAX: usize = 1024;

/// What is being typed into a secret field. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct Typed(Zeroizing<String>);

impl Default for Typed {
    fn default() -> Self {
        // Room for what people type: growing would leave copies behind.
        Self(Zeroizing::new(String::with_capacity(256)))
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed(..)")
    }
}

impl Typed {
    /// As if this had been typed; cut where a field would cut it.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut typed = Self::default();
        typed.0.extend(text.chars().take(CHARS_MAX));
        typed
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether nothing is typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets it, and what egui keeps of it to undo.
    pub fn clear(&mut self, ctx: &Context, id: &str) {
        *self = Self::default();
        ctx.data_mut(|data| data.remove::<egui::text_edit::TextEditState>(Id::new(id)));
    }
}

/// A field for one line that shows what is typed, for what is copied from paper; wiped all the same.
pub fn visible_secret_field(ui: &mut Ui, id: &str, typed: &mut Typed, name: &str) -> Response {
    line_field(ui, id, &mut typed.0, name, name, CHARS_MAX, false)
}

/// A field for one line that shows dots.
pub fn secret_field(ui: &mut Ui, id: &str, typed: &mut Typed, name: &str) -> Response {
    line_field(ui, id, &mut typed.0, name, name, CHARS_MAX, true)
}

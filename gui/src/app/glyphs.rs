//! Finds characters on the screen that no loaded font can show, whatever view they are in.

use egui::{Context, FontId, Shape};
use std::collections::BTreeSet;

/// Everything below is Latin, Greek and Cyrillic, which the app brings along.
const BROUGHT_ALONG: char = '\u{590}';
/// Characters remembered at most. Nobody reads more kinds in one sitting.
const SEEN_MAX: usize = 50_000;

/// The characters that have been looked at.
#[derive(Debug, Default)]
pub(super) struct Glyphs {
    seen: BTreeSet<char>,
}

impl Glyphs {
    /// The characters of this frame that were never looked at and cannot be shown.
    pub(super) fn missing(&mut self, ctx: &Context) -> Vec<char> {
        let mut new = BTreeSet::new();
        let layers: Vec<_> = ctx.memory(|memory| memory.layer_ids().collect());
        ctx.graphics(|graphics| {
            let lists = layers.iter().filter_map(|layer| graphics.get(*layer));
            lists.flat_map(|list| list.all_entries()).for_each(|entry| self.look_at(&entry.shape, &mut new));
        });
        if self.seen.len() + new.len() > SEEN_MAX {
            return Vec::new();
        }
        self.seen.extend(&new);
        let font = FontId::default();
        ctx.fonts_mut(|fonts| new.into_iter().filter(|c| !fonts.has_glyph(&font, *c)).collect())
    }

    fn look_at(&self, shape: &Shape, new: &mut BTreeSet<char>) {
        match shape {
            Shape::Text(text) => {
                let chars = text.galley.job.text.chars().filter(|c| *c >= BROUGHT_ALONG && !c.is_control());
                new.extend(chars.filter(|c| !self.seen.contains(c)));
            }
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| self.look_at(shape, new)),
            _ => {}
        }
    }
}

//! Fonts of the system for writing that the app's own fonts do not have, loaded when it is met.
//!
//! A system has hundreds of megabytes of fonts, so each is read only when a character needs it,
//! on a thread of its own.

use egui::{
    Context, FontData, FontFamily,
    epaint::text::{FontInsert, FontPriority, InsertFontFamily},
};
use fontdb::{Database, FaceInfo, ID, Stretch, Style, Weight};
use std::sync::mpsc;
use ttf_parser::{Face, OutlineBuilder};

/// Requests that may wait; what does not fit is asked for again when it is seen in the next start.
const QUEUE: usize = 64;
/// Fonts added at most.
const FONTS_MAX: usize = 24;
/// Longest font file that is read: the largest collections for Chinese, Japanese and Korean.
const FILE_MAX: usize = 128 * 1024 * 1024;

/// The way to the thread. The thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct SystemFonts {
    wanted: Option<mpsc::SyncSender<Vec<char>>>,
}

impl SystemFonts {
    pub(super) fn new(ctx: &Context) -> Self {
        let (wanted, queue) = mpsc::sync_channel::<Vec<char>>(QUEUE);
        let ctx = ctx.clone();
        let thread = std::thread::Builder::new().name("fonts".into()).spawn(move || {
            let mut finder = None;
            for chars in queue {
                let finder = finder.get_or_insert_with(Finder::new);
                for font in finder.find(chars) {
                    ctx.add_font(font);
                    ctx.request_repaint();
                }
            }
        });
        if let Err(error) = &thread {
            tracing::warn!(%error, "only the app's own fonts will be used");
        }
        Self { wanted: thread.is_ok().then_some(wanted) }
    }

    pub(super) fn want(&self, chars: Vec<char>) {
        if let Some(Err(error)) = self.wanted.as_ref().map(|wanted| wanted.try_send(chars)) {
            tracing::debug!(%error, "some characters will not be looked up");
        }
    }
}

/// Looks for fonts among those of the system.
struct Finder {
    fonts: Database,
    used: Vec<ID>,
}

impl Finder {
    fn new() -> Self {
        let mut fonts = Database::new();
        fonts.load_system_fonts();
        Self { fonts, used: Vec::new() }
    }

    /// Fonts that together have as many of the characters as the system can show.
    fn find(&mut self, mut chars: Vec<char>) -> Vec<FontInsert> {
        let mut found = Vec::new();
        // What a font added for an earlier request has is on its way already.
        for id in &self.used {
            self.fonts.with_face_data(*id, |data, index| chars.retain(|c| !draws(data, index, *c)));
        }
        while let Some(&first) = chars.first() {
            let next = if self.used.len() < FONTS_MAX { self.best_for(first) } else { None };
            let Some(id) = next else {
                chars.remove(0);
                continue;
            };
            self.used.push(id);
            let name = self.fonts.face(id).map_or_else(String::new, |face| face.post_script_name.clone());
            let font = self.fonts.with_face_data(id, |data, index| {
                chars.retain(|c| !draws(data, index, *c));
                FontData { index, ..FontData::from_owned(data.to_vec()) }
            });
            let families = [FontFamily::Proportional, FontFamily::Monospace];
            let families = families.map(|family| InsertFontFamily { family, priority: FontPriority::Lowest });
            found.extend(font.map(|font| FontInsert::new(&name, font, families.to_vec())));
        }
        found
    }

    /// The plainest font that can draw a character.
    fn best_for(&self, c: char) -> Option<ID> {
        let mut faces: Vec<&FaceInfo> = self.fonts.faces().filter(|face| !self.used.contains(&face.id)).collect();
        faces.sort_by_key(|face| plainness(face));
        let has = |face: &&&FaceInfo| self.fonts.with_face_data(face.id, |data, index| draws(data, index, c));
        faces.iter().find(|face| has(face) == Some(true)).map(|face| face.id)
    }
}

/// Small for upright, regular faces without serifs, as the app's own letters are.
fn plainness(face: &FaceInfo) -> (bool, bool, bool, u16, String) {
    let family = face.families.first().map_or("", |(name, _)| name.as_str());
    let is_serif = ["Serif", "Ming", "Song", "Mincho", "Naskh"].iter().any(|word| family.contains(word));
    (
        face.style != Style::Normal || face.monospaced,
        face.stretch != Stretch::Normal,
        is_serif,
        face.weight.0.abs_diff(Weight::NORMAL.0),
        family.to_owned(),
    )
}

/// Whether a face has an outline for a character. Colour pictures alone cannot be drawn.
fn draws(data: &[u8], index: u32, c: char) -> bool {
    struct Nothing;
    impl OutlineBuilder for Nothing {
        fn move_to(&mut self, _: f32, _: f32) {}
        fn line_to(&mut self, _: f32, _: f32) {}
        fn quad_to(&mut self, _: f32, _: f32, _: f32, _: f32) {}
        fn curve_to(&mut self, _: f32, _: f32, _: f32, _: f32, _: f32, _: f32) {}
        fn close(&mut self) {}
    }
    if data.len() > FILE_MAX {
        return false;
    }
    let Ok(face) = Face::parse(data, index) else { return false };
    face.glyph_index(c).is_some_and(|glyph| face.outline_glyph(glyph, &mut Nothing).is_some())
}

#[cfg(test)]
mod tests {
    use super::Finder;

    #[test]
    fn a_character_of_a_system_font_is_found_once_and_one_of_none_never() {
        let mut finder = Finder::new();
        if finder.fonts.is_empty() {
            return;
        }
        let found = finder.find(vec!['a', 'b', '\u{10fffd}']);
        assert_eq!(found.len(), 1, "one font has both letters, no font has the third");
        assert!(finder.find(vec!['a']).is_empty(), "it is there already");
    }
}

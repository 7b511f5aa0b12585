//! A font made of drawings, for places where the fonts of the system can be drawn with but not read: a page
//! gets pictures of letters from its browser, traces their outlines, and makes a font file of them. Nothing
//! here draws or asks anybody.

mod file;
#[cfg(test)]
mod tests;
mod trace;

pub use file::{GLYPHS_MAX, Glyph, font_file};
pub use trace::{Cover, trace};

/// A point of an outline: to the right and upwards from where the letter stands on its line, in [`EM`]ths of
/// the type size.
pub type Point = (i16, i16);

/// Units in the height of the type.
pub const EM: u16 = 1024;

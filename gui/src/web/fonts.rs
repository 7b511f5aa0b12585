//! Letters that the app's own fonts do not have. A page cannot read the fonts of the system, but it can draw
//! with them on a canvas: their outlines are traced, and a font is made of them (`crate::drawn`).
//!
//! Where a browser does not let pages look at what they draw, as some do against tracking, the letters stay
//! missing.

use egui::{Context, FontData, FontDefinitions, FontFamily, FontTweak};
use std::{collections::BTreeMap, time::Duration};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::drawn::{Cover, EM, GLYPHS_MAX, Glyph, Point, font_file, trace};

/// The type size letters are drawn at, in pixels.
const SIZE: u16 = 96;
/// Where a letter stands on the canvas: many marks reach to the left of where they stand.
const LEFT: u16 = 72;
const LINE: u16 = 128;
/// The canvas: room for the widest letters, and for marks above and below.
const WIDE: u16 = 272;
const TALL: u16 = 192;
/// Wider letters do not fit.
const ADVANCE_MAX: f64 = (WIDE - LEFT - 8) as f64;
/// Letters drawn in a frame: drawing takes about a millisecond each.
const TURN: usize = 24;
/// Letters that may wait to be drawn.
const QUEUE: usize = GLYPHS_MAX;
/// Every new font makes all text be laid out anew, so they do not follow each other faster.
const PAUSE_SECONDS: f64 = 0.3;
/// The fonts of the system, plain ones first.
const FONTS: &str = "system-ui, sans-serif";
/// A character that no font has: what is drawn for it is drawn for every one that is missing.
const MISSING: char = '\u{10fffd}';
/// Asks for a letter instead of a coloured picture.
const AS_TEXT: char = '\u{fe0e}';
const NAME: &str = "drawn by the browser";

/// The letters drawn so far.
pub(super) struct DrawnFonts {
    ctx: Context,
    /// Nothing when this browser does not let pages look.
    pen: Option<Pen>,
    waiting: Vec<char>,
    glyphs: BTreeMap<char, Glyph>,
    /// When the last font was made.
    made_at: Option<f64>,
    is_fresh: bool,
}

impl DrawnFonts {
    pub(super) fn new(ctx: &Context) -> Self {
        let pen = Pen::new();
        if pen.is_none() {
            tracing::warn!("this browser does not let pages look at letters: those of some scripts will be missing");
        }
        let (waiting, glyphs) = (Vec::new(), BTreeMap::new());
        Self { ctx: ctx.clone(), pen, waiting, glyphs, made_at: None, is_fresh: false }
    }

    /// These are wanted.
    pub(super) fn want(&mut self, letters: Vec<char>) {
        if self.pen.is_some() && self.waiting.len() + letters.len() + self.glyphs.len() <= QUEUE {
            self.waiting.extend(letters);
        }
    }

    /// Draws some of the letters that wait, and hands egui the font when that is done.
    pub(super) fn go_on(&mut self) {
        let Some(pen) = &self.pen else { return };
        let turn = self.waiting.len().saturating_sub(TURN);
        for letter in self.waiting.split_off(turn) {
            if let Some(glyph) = pen.draw(letter) {
                self.glyphs.insert(letter, glyph);
                self.is_fresh = true;
            }
        }
        if !self.waiting.is_empty() {
            self.ctx.request_repaint();
            return;
        }
        if !self.is_fresh {
            return;
        }
        let now = self.ctx.input(|input| input.time);
        let left = self.made_at.map_or(0.0, |at| at + PAUSE_SECONDS - now);
        if left > 0.0 {
            self.ctx.request_repaint_after(Duration::from_secs_f64(left));
            return;
        }
        (self.is_fresh, self.made_at) = (false, Some(now));
        let glyphs: Vec<Glyph> = self.glyphs.values().cloned().collect();
        let Some(file) = font_file(&glyphs) else { return };
        self.hand_over(file);
    }

    /// All letters are in one font, behind those of the app: the one before is replaced.
    fn hand_over(&self, file: Vec<u8>) {
        // Outlines without instructions look best as they are.
        let tweak = FontTweak { hinting: Some(false), ..FontTweak::default() };
        let data = FontData { tweak, ..FontData::from_owned(file) };
        let mut fonts = FontDefinitions::default();
        fonts.font_data.insert(NAME.to_owned(), data.into());
        for family in [FontFamily::Proportional, FontFamily::Monospace] {
            fonts.families.entry(family).or_default().push(NAME.to_owned());
        }
        self.ctx.set_fonts(fonts);
        self.ctx.request_repaint();
    }
}

/// A canvas that nobody sees.
struct Pen {
    canvas: CanvasRenderingContext2d,
    /// What is drawn for a character that is missing.
    missing: Vec<u8>,
}

impl Pen {
    fn new() -> Option<Self> {
        let document = web_sys::window()?.document()?;
        let element = document.create_element("canvas").ok()?.dyn_into::<HtmlCanvasElement>().ok()?;
        element.set_width(WIDE.into());
        element.set_height(TALL.into());
        // Much is read back from it.
        let options = js_sys::Object::new();
        js_sys::Reflect::set(&options, &"willReadFrequently".into(), &JsValue::TRUE).ok()?;
        let canvas = element.get_context_with_context_options("2d", &options).ok()??;
        let canvas = canvas.dyn_into::<CanvasRenderingContext2d>().ok()?;
        let mut pen = Self { canvas, missing: Vec::new() };
        pen.may_look().then_some(())?;
        pen.canvas.set_font(&format!("{SIZE}px {FONTS}"));
        pen.missing = pen.cover(MISSING.encode_utf8(&mut [0; 4]))?;
        Some(pen)
    }

    /// Whether what is read back is what was drawn.
    fn may_look(&self) -> bool {
        self.canvas.fill_rect(0.0, 0.0, f64::from(WIDE) / 2.0, f64::from(TALL));
        let Some(pixels) = self.pixels() else { return false };
        let wide = usize::from(WIDE);
        let is_full = |index: usize| index % wide < wide / 2;
        let alphas = pixels.chunks_exact(4).filter_map(|pixel| pixel.last()).enumerate();
        let near = |alpha: u8, full: bool| if full { alpha > 240 } else { alpha < 16 };
        alphas.into_iter().all(|(index, alpha)| near(*alpha, is_full(index)))
    }

    fn pixels(&self) -> Option<Vec<u8>> {
        let data = self.canvas.get_image_data(0.0, 0.0, WIDE.into(), TALL.into()).ok()?;
        Some(data.data().0)
    }

    /// How much of each pixel a text covers. Nothing for a coloured picture.
    fn cover(&self, text: &str) -> Option<Vec<u8>> {
        self.canvas.clear_rect(0.0, 0.0, WIDE.into(), TALL.into());
        self.canvas.fill_text(text, LEFT.into(), LINE.into()).ok()?;
        let pixels = self.pixels()?;
        let is_black = |pixel: &[u8]| pixel.iter().take(3).all(|part| *part < 32);
        let is_letter =
            pixels.chunks_exact(4).all(|pixel| pixel.last().is_none_or(|alpha| *alpha < 64) || is_black(pixel));
        is_letter.then(|| pixels.chunks_exact(4).filter_map(|pixel| pixel.last().copied()).collect())
    }

    fn draw(&self, letter: char) -> Option<Glyph> {
        let mut text = letter.to_string();
        if matches!(u32::from(letter), 0x2190..=0x2bff | 0x1f000..=0x1faff) {
            text.push(AS_TEXT);
        }
        let cover = self.cover(&text)?;
        if cover == self.missing {
            return None;
        }
        let advance = self.canvas.measure_text(&text).ok()?.width();
        let outlines = trace(Cover { pixels: &cover, wide: WIDE.into() });
        if outlines.is_empty() || !(0.0..=ADVANCE_MAX).contains(&advance) {
            return None;
        }
        let outlines = outlines.into_iter().map(|outline| outline.into_iter().map(placed).collect()).collect();
        // Both are small: nothing is cut off.
        let advance = (advance * f64::from(EM) / f64::from(SIZE)).round() as u16;
        Some(Glyph { letter, advance, outlines })
    }
}

/// A place on the canvas as a point of a letter.
fn placed((x, y): (f32, f32)) -> Point {
    let units = f32::from(EM) / f32::from(SIZE);
    let unit = |pixels: f32| (pixels * units).round() as i16;
    (unit(x - f32::from(LEFT)), unit(f32::from(LINE) - y))
}

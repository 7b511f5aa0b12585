//! How Parlor looks: colours, spacing, type sizes and corner radii, light and dark.
//!
//! Every view takes its numbers and colours from here; nothing else in this crate may name a
//! colour. Contrast of text on its ground is at least 4.5 to 1 (WCAG 2.2, 1.4.3).

use egui::{Color32, Context, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, TextStyle, Visuals};
use std::sync::Arc;

/// Distances, in points.
pub mod space {
    /// Between things that are one.
    pub const XS: f32 = 4.0;
    /// Between things that belong together.
    pub const S: f32 = 8.0;
    /// Inside of bubbles and fields.
    pub const M: f32 = 12.0;
    /// Between groups.
    pub const L: f32 = 16.0;
    /// Around dialogs.
    pub const XL: f32 = 24.0;
    /// Around screens.
    pub const XXL: f32 = 40.0;
}

/// Type sizes, in points.
pub mod size {
    /// Time stamps and badges.
    pub const TINY: f32 = 11.0;
    /// Second lines.
    pub const SMALL: f32 = 12.5;
    /// What people read.
    pub const BODY: f32 = 14.5;
    /// Names of rooms, titles of panels.
    pub const TITLE: f32 = 16.5;
    /// Titles of dialogs.
    pub const HEADING: f32 = 20.0;
    /// The first screen.
    pub const DISPLAY: f32 = 30.0;
}

/// Widths, in points.
pub mod width {
    /// Below this the list of rooms and the timeline are two screens.
    pub const NARROW: f32 = 700.0;
    /// Below this the members are a dialog instead of a column.
    pub const WIDE: f32 = 1000.0;
    /// The list of rooms.
    pub const ROOMS: f32 = 288.0;
    /// The column of members.
    pub const MEMBERS: f32 = 232.0;
    /// The widest line of conversation: longer ones are tiring to read.
    pub const COLUMN: f32 = 860.0;
    /// The widest bubble.
    pub const BUBBLE: f32 = 560.0;
    /// A dialog.
    pub const DIALOG: f32 = 420.0;
}

/// Corner radii, in points.
pub mod radius {
    /// Fields and buttons.
    pub const S: u8 = 8;
    /// Cards and rows.
    pub const M: u8 = 10;
    /// Bubbles and dialogs.
    pub const L: u8 = 16;
}

/// The colours of one theme, named for their use.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Behind the conversation.
    pub ground: Color32,
    /// Behind the list of rooms and the members.
    pub side: Color32,
    /// Cards, dialogs, bubbles of others.
    pub raised: Color32,
    /// Fields.
    pub field: Color32,
    /// Under the pointer.
    pub hover: Color32,
    /// Buttons that are not the main one.
    pub button: Color32,
    /// The chosen row.
    pub chosen: Color32,
    /// Thin lines between areas.
    pub line: Color32,
    /// What is read first.
    pub text: Color32,
    /// What is read second.
    pub soft: Color32,
    /// Hints.
    pub faint: Color32,
    /// The colour of Parlor: main buttons, badges, focus.
    pub accent: Color32,
    /// The same under the pointer.
    pub accent_hover: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// Bubbles of one's own.
    pub own: Color32,
    /// Text on them.
    pub on_own: Color32,
    /// Second text on them.
    pub on_own_soft: Color32,
    /// Links.
    pub link: Color32,
    /// All is well.
    pub good: Color32,
    /// Look here.
    pub warn: Color32,
    /// It did not work; it deletes.
    pub bad: Color32,
    /// Behind an error.
    pub bad_ground: Color32,
    /// Behind a hint.
    pub warn_ground: Color32,
    /// Behind selected text.
    pub selection: Color32,
    /// Behind a dialog.
    pub veil: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const LIGHT: Palette = Palette {
    ground: rgb(0xfdfcfa),
    side: rgb(0xf3f1ec),
    raised: rgb(0xffffff),
    field: rgb(0xffffff),
    hover: rgb(0xe9e6df),
    button: rgb(0xebe8e1),
    chosen: rgb(0xdfece8),
    line: rgb(0xe2ded6),
    text: rgb(0x1f2423),
    soft: rgb(0x555d5a),
    faint: rgb(0x6c7370),
    accent: rgb(0x0f6e63),
    accent_hover: rgb(0x0b5a51),
    on_accent: rgb(0xffffff),
    own: rgb(0xd3ede5),
    on_own: rgb(0x102e29),
    on_own_soft: rgb(0x3c5d56),
    link: rgb(0x0b5c9e),
    good: rgb(0x1d804b),
    warn: rgb(0x8f5b00),
    bad: rgb(0xb3261e),
    bad_ground: rgb(0xfce8e4),
    warn_ground: rgb(0xfcf1d9),
    selection: rgb(0xb4dcd3),
    veil: Color32::from_black_alpha(90),
};

const DARK: Palette = Palette {
    ground: rgb(0x171a1b),
    side: rgb(0x101213),
    raised: rgb(0x24282a),
    field: rgb(0x1f2324),
    hover: rgb(0x202426),
    button: rgb(0x363c3f),
    chosen: rgb(0x1f3b37),
    line: rgb(0x2b3032),
    text: rgb(0xe9ecea),
    soft: rgb(0xacb4b1),
    faint: rgb(0x8b9591),
    accent: rgb(0x2fa897),
    accent_hover: rgb(0x45bdac),
    on_accent: rgb(0x041f1b),
    own: rgb(0x1b4a44),
    on_own: rgb(0xe6f5f1),
    on_own_soft: rgb(0xa9cdc5),
    link: rgb(0x7dc4f2),
    good: rgb(0x4cc383),
    warn: rgb(0xf0bd5b),
    bad: rgb(0xf58a80),
    bad_ground: rgb(0x43201d),
    warn_ground: rgb(0x3a2f16),
    selection: rgb(0x2c6b62),
    veil: Color32::from_black_alpha(150),
};

/// Grounds of avatars; white initials on each are readable.
const AVATARS: [Color32; 10] = [
    rgb(0x0f6e63),
    rgb(0x8a459c),
    rgb(0xb04a2f),
    rgb(0x2f5fa8),
    rgb(0x8a610a),
    rgb(0x9c355e),
    rgb(0x4f6b1f),
    rgb(0x5a50b5),
    rgb(0x1f6f8b),
    rgb(0x6b5548),
];

/// The colours of the theme in use.
#[must_use]
pub fn palette(visuals: &Visuals) -> &'static Palette {
    if visuals.dark_mode { &DARK } else { &LIGHT }
}

/// The avatar colour of a device or room, from its bytes: the same on every machine.
#[must_use]
pub fn avatar(bytes: &[u8]) -> Color32 {
    // FNV-1a, folded: similar keys get different colours.
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let at = usize::try_from((hash >> 16) ^ (hash & 0xffff)).unwrap_or(0);
    AVATARS.get(at % AVATARS.len()).copied().unwrap_or(LIGHT.accent)
}

/// The author's colour above a bubble: the avatar's, lightened where the ground is dark.
#[must_use]
pub fn author(bytes: &[u8], dark: bool) -> Color32 {
    let color = avatar(bytes);
    if dark { color.lerp_to_gamma(Color32::WHITE, 0.5) } else { color }
}

/// A proportional font of a size of [`size`].
#[must_use]
pub fn font(size: f32) -> FontId {
    FontId::proportional(size)
}

/// Sets both themes on a context. Call once.
pub fn install(ctx: &Context) {
    for (theme, palette) in [(egui::Theme::Light, &LIGHT), (egui::Theme::Dark, &DARK)] {
        let mut style = (*ctx.style_of(theme)).clone();
        style.text_styles = [
            (TextStyle::Small, size::SMALL),
            (TextStyle::Body, size::BODY),
            (TextStyle::Button, size::BODY),
            (TextStyle::Heading, size::HEADING),
        ]
        .into_iter()
        .map(|(style, size)| (style, font(size)))
        .chain([(TextStyle::Monospace, FontId::new(size::BODY, FontFamily::Monospace))])
        .collect();
        style.spacing.item_spacing = egui::vec2(space::S, space::S);
        style.spacing.button_padding = egui::vec2(space::M, 7.0);
        style.spacing.interact_size = egui::vec2(MOUSE, MOUSE);
        style.spacing.menu_margin = Margin::same(6);
        style.spacing.scroll = egui::style::ScrollStyle::floating();
        style.spacing.scroll.floating_allocated_width = 0.0;
        style.spacing.scroll.bar_width = 8.0;
        style.interaction.tooltip_delay = 0.4;
        style.visuals = visuals(&style.visuals, palette);
        ctx.set_style_of(theme, Arc::new(style));
    }
}

/// How tall something to be hit with a finger is.
const FINGER: f32 = 44.0;
/// How tall something to be hit with a mouse is.
const MOUSE: f32 = 32.0;

/// Makes what is pressed as large as fingers need it, or as small as a mouse can hit it.
pub fn fit_fingers(ctx: &Context, is_touched: bool) {
    let tall = if is_touched { FINGER } else { MOUSE };
    for theme in [egui::Theme::Light, egui::Theme::Dark] {
        if ctx.style_of(theme).spacing.interact_size.y != tall {
            ctx.style_mut_of(theme, |style| style.spacing.interact_size = egui::vec2(tall, tall));
        }
    }
}

/// How tall a button is that a mouse wants `tall`: more for fingers.
#[must_use]
pub fn reach(ui: &egui::Ui, tall: f32) -> f32 {
    if ui.spacing().interact_size.y > MOUSE { tall.max(FINGER) } else { tall }
}

fn visuals(from: &Visuals, palette: &Palette) -> Visuals {
    let mut visuals = from.clone();
    visuals.panel_fill = palette.ground;
    visuals.window_fill = palette.raised;
    visuals.window_stroke = Stroke::new(1.0, palette.line);
    visuals.window_corner_radius = CornerRadius::same(radius::L);
    visuals.menu_corner_radius = CornerRadius::same(radius::M);
    visuals.window_shadow = Shadow { offset: [0, 8], blur: 32, spread: 0, color: Color32::from_black_alpha(60) };
    visuals.popup_shadow = Shadow { offset: [0, 4], blur: 16, spread: 0, color: Color32::from_black_alpha(48) };
    visuals.extreme_bg_color = palette.field;
    visuals.text_edit_bg_color = Some(palette.field);
    visuals.faint_bg_color = palette.side;
    visuals.hyperlink_color = palette.link;
    visuals.error_fg_color = palette.bad;
    visuals.warn_fg_color = palette.warn;
    visuals.selection.bg_fill = palette.selection;
    visuals.selection.stroke = Stroke::new(1.0, palette.text);
    visuals.weak_text_color = Some(palette.faint);
    visuals.indent_has_left_vline = false;
    visuals.striped = false;
    // A blinking cursor would draw two frames a second for nothing.
    visuals.text_cursor.blink = false;
    let corner = CornerRadius::same(radius::S);
    let states = &mut visuals.widgets;
    for (state, fill, stroke, text) in [
        (&mut states.noninteractive, palette.raised, palette.line, palette.text),
        (&mut states.inactive, palette.button, palette.line, palette.text),
        (&mut states.hovered, palette.chosen, palette.accent, palette.text),
        (&mut states.active, palette.chosen, palette.accent, palette.text),
        (&mut states.open, palette.chosen, palette.line, palette.text),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, stroke);
        state.fg_stroke = Stroke::new(1.2, text);
        state.corner_radius = corner;
        state.expansion = 0.0;
    }
    states.inactive.bg_stroke = Stroke::new(1.0, palette.faint.gamma_multiply(0.6));
    visuals
}

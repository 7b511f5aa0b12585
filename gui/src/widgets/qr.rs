//! A QR picture drawn as rectangles: dark on white in both themes, because scanners want that.

use egui::{Color32, CornerRadius, Rect, Response, Sense, Ui, Vec2, WidgetInfo, WidgetType, vec2};

/// White squares on each side, which scanners need.
const QUIET: usize = 4;

/// The squares of a QR picture, computed once for a text. The text may be a secret, so `Debug`
/// does not show the squares.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct QrPicture {
    side: usize,
    dark: Vec<bool>,
}

impl std::fmt::Debug for QrPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QrPicture({})", self.side)
    }
}

impl QrPicture {
    /// The picture of a text; empty when the text is too long for one.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::M) {
            Ok(code) => {
                Self { side: code.width(), dark: code.to_colors().iter().map(|c| *c == qrcode::Color::Dark).collect() }
            }
            Err(_) => Self::default(),
        }
    }

    /// Squares on a side.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// The picture in shades of grey, a byte a pixel, `scale` pixels a square, with the quiet zone
    /// around it; and its side in pixels. Absent when there is no picture.
    #[must_use]
    pub fn pixels(&self, scale: usize) -> Option<(u32, Vec<u8>)> {
        let wide = (self.side.checked_add(2 * QUIET)?).checked_mul(scale)?;
        let side = u32::try_from(wide).ok().filter(|_| self.side > 0 && scale > 0)?;
        let square = |at: usize| (at / scale).checked_sub(QUIET).filter(|at| *at < self.side);
        let is_dark = |x: usize, y: usize| -> bool {
            let place = square(x).zip(square(y)).map(|(x, y)| y * self.side + x);
            place.and_then(|place| self.dark.get(place)).copied().unwrap_or(false)
        };
        let pixels = (0..wide).flat_map(|y| (0..wide).map(move |x| (x, y)));
        Some((side, pixels.map(|(x, y)| if is_dark(x, y) { 0 } else { u8::MAX }).collect()))
    }
}

/// Draws a picture with the quiet zone that scanners need.
pub fn qr(ui: &mut Ui, picture: &QrPicture, points: f32, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(points), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Image, true, name));
    ui.painter().rect_filled(rect, CornerRadius::same(12), Color32::WHITE);
    if picture.side == 0 {
        return response;
    }
    // Whole device pixels per square, so that no seams show.
    let scale = ui.ctx().pixels_per_point();
    let squares = u16::try_from(picture.side).map_or(0.0, f32::from);
    let step = ((points / (squares + 8.0)) * scale).floor().max(1.0) / scale;
    let start = rect.center() - Vec2::splat(step * squares / 2.0);
    let start = egui::pos2((start.x * scale).round() / scale, (start.y * scale).round() / scale);
    for (row, line) in picture.dark.chunks(picture.side).enumerate() {
        for (column, _) in line.iter().enumerate().filter(|(_, dark)| **dark) {
            let (x, y) = (u16::try_from(column).map_or(0.0, f32::from), u16::try_from(row).map_or(0.0, f32::from));
            let square = Rect::from_min_size(start + vec2(x, y) * step, Vec2::splat(step));
            ui.painter().rect_filled(square, CornerRadius::ZERO, Color32::BLACK);
        }
    }
    response
}

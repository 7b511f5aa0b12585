//! A code, a room's or a device's: as it is typed, and as it is shown to others.

use egui::{Align2, CornerRadius, FontId, RichText, Sense, Stroke, StrokeKind, Ui, WidgetInfo, WidgetType, vec2};
use parlor_protocol::{
    code::{CODE_GROUP, CODE_SYMBOLS},
    error::CodeError,
};

use crate::{
    theme::{self, radius, size, space},
    widgets::error_line,
    words,
};

/// What is wrong with a code while it is typed, or how far it has come.
pub(super) fn state(ui: &mut Ui, input: &str, error: Option<&CodeError>) {
    let palette = theme::palette(ui.visuals());
    if let Some(problem) = error.and_then(words::code_problem) {
        error_line(ui, &problem);
        return;
    }
    let text = match error {
        None => "The code is complete.".to_owned(),
        Some(_) if input.trim().is_empty() => "Upper or lower case, spaces and dashes do not matter.".to_owned(),
        Some(CodeError::TooShort { expected, got }) => format!("{got} of {expected} symbols"),
        Some(_) => String::new(),
    };
    ui.label(RichText::new(text).size(size::SMALL).color(palette.faint));
}

/// A code in large letters, to read out.
pub(super) fn large(ui: &mut Ui, written: &str) {
    let palette = theme::palette(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 48.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Label, true, format!("Code {written}")));
    ui.painter().rect_filled(rect, CornerRadius::same(radius::S), palette.chosen);
    let font = FontId::monospace((rect.width() / 15.5).min(22.0));
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, written, font, palette.text);
}

/// The five groups as they will be read, each with its state.
pub(super) fn groups(ui: &mut Ui, groups: &[String], error: Option<&CodeError>) {
    let palette = theme::palette(ui.visuals());
    let wrong = match error {
        Some(CodeError::BadSymbol { group, .. } | CodeError::Mistyped { group, .. }) => Some(*group),
        _ => None,
    };
    let scrambled = matches!(error, Some(CodeError::Scrambled | CodeError::TooLong { .. }));
    let count = CODE_SYMBOLS.div_ceil(CODE_GROUP);
    let gap = space::S;
    let slots = u16::try_from(count).map_or(1.0, f32::from);
    let wide = (ui.available_width() - gap * (slots - 1.0)) / slots;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap;
        for index in 0..count {
            let number = index + 1;
            let text = groups.get(index).map_or("", String::as_str);
            let full = text.chars().count() == if number == count { CODE_SYMBOLS % CODE_GROUP } else { CODE_GROUP };
            let bad = wrong == Some(number) || (scrambled && !text.is_empty());
            let (rect, response) = ui.allocate_exact_size(vec2(wide, 44.0), Sense::hover());
            let state = match (bad, full) {
                (true, _) => "wrong",
                (false, true) => "complete",
                (false, false) => "not complete",
            };
            response.widget_info(|| WidgetInfo::labeled(WidgetType::Label, true, format!("Group {number} {state}")));
            let (fill, edge) = match (bad, error.is_none(), full) {
                (true, ..) => (palette.bad_ground, palette.bad),
                (_, true, _) => (palette.chosen, palette.good),
                (_, _, true) => (palette.chosen, palette.line),
                _ => (palette.side, palette.line),
            };
            ui.painter().rect(rect, CornerRadius::same(radius::S), fill, Stroke::new(1.0, edge), StrokeKind::Inside);
            let color = if bad { palette.bad } else { palette.text };
            let empty = if number == count { "··" } else { "····" };
            let (text, color) = if text.is_empty() { (empty, palette.faint) } else { (text, color) };
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, FontId::monospace(17.0), color);
        }
    });
}

//! Text that can be selected and whose links can be clicked, reached by keyboard, and are told to screen
//! readers. What is a link, and where it leads, `links.rs` says; what is done about it the app.

use egui::{
    Align, Color32, FontId, Galley, Pos2, Rect, Response, Sense, Stroke, Ui, WidgetInfo, WidgetType,
    text::{LayoutJob, TextFormat},
    text_selection::LabelSelectionState,
};
use std::{ops::Range, sync::Arc};

use crate::{links, theme};

/// A laid out text and where its links are, in characters.
#[derive(Clone, Debug)]
pub struct Rich {
    /// The laid out text.
    pub galley: Arc<Galley>,
    /// Each link with its place in characters.
    pub links: Vec<(Range<usize>, String)>,
}

/// Lays out a text with its links underlined.
pub fn rich_galley(ui: &Ui, text: &str, font: &FontId, color: Color32, link: Color32, wrap: f32) -> Rich {
    let found = links::find(text);
    let mut job = LayoutJob::default();
    job.wrap.max_width = wrap;
    job.wrap.break_anywhere = false;
    let plain = TextFormat {
        font_id: font.clone(),
        color,
        valign: Align::Center,
        line_height: Some(font.size * 1.36),
        ..TextFormat::default()
    };
    let mut at = 0;
    let mut places = Vec::with_capacity(found.len());
    for range in found {
        job.append(text.get(at..range.start).unwrap_or_default(), 0.0, plain.clone());
        let url = text.get(range.clone()).unwrap_or_default();
        job.append(url, 0.0, TextFormat { color: link, underline: Stroke::new(1.0, link), ..plain.clone() });
        let first = text.get(..range.start).unwrap_or_default().chars().count();
        places.push((first..first + url.chars().count(), url.to_owned()));
        at = range.end;
    }
    job.append(text.get(at..).unwrap_or_default(), 0.0, plain);
    Rich { galley: ui.fonts_mut(|fonts| fonts.layout_job(job)), links: places }
}

/// Shows a laid out text. Returns the response and a link that was clicked.
pub fn rich_text(ui: &mut Ui, id: egui::Id, at: Pos2, rich: &Rich, color: Color32) -> (Response, Option<String>) {
    let rect = Rect::from_min_size(at, rich.galley.size());
    // A finger that moves scrolls; a mouse selects.
    let has_fingers = ui.input(egui::InputState::has_touch_screen);
    let sense = if has_fingers { Sense::click() } else { Sense::click_and_drag() };
    let response = ui.interact(rect, id, sense);
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Label, true, rich.galley.text()));
    let link =
        response.hover_pos().or_else(|| response.interact_pointer_pos()).and_then(|pointer| link_at(rich, at, pointer));
    if link.is_some() {
        ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
    }
    LabelSelectionState::label_text_selection(ui, &response, at, Arc::clone(&rich.galley), color, Stroke::NONE);
    let clicked = if response.clicked() { link.cloned() } else { None };
    let chosen = rich.links.iter().enumerate().filter_map(|(number, (range, url))| {
        let place = first_row(&rich.galley, range)?.translate(at.to_vec2());
        reachable(ui, id.with(("link", number)), place, url).then(|| url.clone())
    });
    // All of them are laid out, whichever was chosen.
    let mut chosen: Vec<_> = chosen.collect();
    (response, clicked.or(chosen.pop()))
}

/// A link for keyboard, pointer and screen reader. Answers whether it was chosen.
fn reachable(ui: &Ui, id: egui::Id, place: Rect, url: &str) -> bool {
    let response = ui.interact(place, id, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Link, true, url));
    if response.has_focus() {
        let accent = theme::palette(ui.visuals()).accent;
        ui.painter().rect_stroke(place.expand(1.0), 2.0, Stroke::new(2.0, accent), egui::StrokeKind::Outside);
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}

/// Where the first row of a link stands. The rest of a long one is clicked through the text.
fn first_row(galley: &Galley, range: &Range<usize>) -> Option<Rect> {
    let place = |index: usize| galley.pos_from_cursor(egui::text::CCursor::new(index));
    let (start, end) = (place(range.start), place(range.end));
    let is_one_row = (start.center().y - end.center().y).abs() < 1.0;
    let right = if is_one_row { end.right() } else { galley.rect.right() };
    (right > start.left()).then(|| Rect::from_min_max(start.min, egui::pos2(right, start.bottom())))
}

fn link_at(rich: &Rich, at: Pos2, pointer: Pos2) -> Option<&String> {
    if rich.links.is_empty() || !rich.galley.rect.translate(at.to_vec2()).contains(pointer) {
        return None;
    }
    let index: usize = rich.galley.cursor_from_pos(pointer - at).index.into();
    rich.links.iter().find(|(range, _)| range.contains(&index)).map(|(_, url)| url)
}

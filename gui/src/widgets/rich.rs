//! Text that can be selected and whose links can be clicked.

use egui::{
    Align, Color32, FontId, Galley, Pos2, Rect, Response, Sense, Stroke, Ui, WidgetInfo, WidgetType,
    text::{LayoutJob, TextFormat},
    text_selection::LabelSelectionState,
};
use std::{ops::Range, sync::Arc};

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
    let found = links(text);
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
    (response, clicked)
}

fn link_at(rich: &Rich, at: Pos2, pointer: Pos2) -> Option<&String> {
    if rich.links.is_empty() || !rich.galley.rect.translate(at.to_vec2()).contains(pointer) {
        return None;
    }
    let index: usize = rich.galley.cursor_from_pos(pointer - at).index.into();
    rich.links.iter().find(|(range, _)| range.contains(&index)).map(|(_, url)| url)
}

/// The byte ranges of web links. Closing punctuation is not part of a link.
fn links(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = ["https://", "http://"].iter().filter_map(|scheme| text.get(from..)?.find(scheme)).min() {
        let start = from + start;
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`')).unwrap_or(rest.len());
        let mut url = rest.get(..end).unwrap_or_default();
        loop {
            let trimmed = url.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '…']);
            // A closing bracket belongs to the link only if it was opened in it.
            let trimmed = match trimmed.strip_suffix(')') {
                Some(inner) if inner.matches('(').count() <= inner.matches(')').count() => inner,
                _ => trimmed,
            };
            if trimmed.len() == url.len() {
                break;
            }
            url = trimmed;
        }
        from = start + end.max(1);
        if url.len() > "https://".len() {
            found.push(start..start + url.len());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::links;

    #[test]
    fn links_end_before_closing_punctuation() {
        let text = "see https://a.b/c. (or http://x.y/z_(q)), https:// no";
        let found: Vec<_> = links(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["https://a.b/c", "http://x.y/z_(q)"]);
    }

    #[test]
    fn a_text_of_many_scripts_keeps_its_links() {
        let text = "täglich → https://例え.jp/ä🎉 danach";
        let found: Vec<_> = links(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["https://例え.jp/ä🎉"]);
    }
}

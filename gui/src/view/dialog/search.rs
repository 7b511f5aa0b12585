//! Searches all rooms on this machine.

use egui::{Context, CornerRadius, RichText, ScrollArea, Sense, Ui, WidgetInfo, WidgetType, pos2, vec2};
use parlor_node::Message;

use crate::{
    model::Model,
    theme::{self, radius, size, space},
    view::{Action, Sight, rooms::cut},
    widgets::{dialog, ring, text_field},
    words,
};

const ROW: f32 = 58.0;
/// Longer searches find nothing more.
const WORDS_CHARS: usize = 200;

/// What is being typed.
#[derive(Clone, Debug, Default)]
pub struct Search {
    words: String,
    asked: bool,
}

impl Search {
    pub(super) fn show(&mut self, ctx: &Context, model: &Model, sight: &Sight) -> Vec<Action> {
        let mut actions = Vec::new();
        if dialog(ctx, "Search", |ui| actions.extend(self.content(ui, model, sight))) {
            actions.push(Action::CloseDialog);
        }
        actions
    }

    fn content(&mut self, ui: &mut Ui, model: &Model, sight: &Sight) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        let mut actions = Vec::new();
        let field =
            text_field(ui, "search", &mut self.words, "Search words", "Words to look for in all rooms", WORDS_CHARS);
        if !std::mem::replace(&mut self.asked, true) {
            field.request_focus();
            actions.push(Action::Search(String::new()));
        }
        if field.changed() {
            actions.push(Action::Search(self.words.clone()));
        }
        ui.add_space(space::XS);
        let current = !self.words.trim().is_empty() && model.found.words == self.words.trim();
        match model.found.messages.as_deref().filter(|_| current) {
            None if self.words.trim().is_empty() => {
                ui.label(
                    RichText::new("Finds messages with all the words, in any order.")
                        .size(size::SMALL)
                        .color(palette.faint),
                );
            }
            None => {
                ui.label(RichText::new("Searching").size(size::SMALL).color(palette.faint));
            }
            Some([]) => {
                let text = "Nothing found. Try fewer words; only messages on this machine are searched.";
                ui.label(RichText::new(text).size(size::SMALL).color(palette.soft));
            }
            Some(found) => {
                ui.label(
                    RichText::new(words::count(found.len(), "message", "messages"))
                        .size(size::SMALL)
                        .color(palette.faint),
                );
                let tall = (ui.ctx().content_rect().height() - 300.0).clamp(120.0, 460.0);
                let area = ScrollArea::vertical().max_height(tall).auto_shrink([false, true]).id_salt("found");
                area.show_rows(ui, ROW, found.len(), |ui, range| {
                    for message in found.get(range).unwrap_or_default() {
                        if row(ui, model, message, sight) {
                            actions.push(Action::ShowMessage(message.room, message.id));
                            actions.push(Action::CloseDialog);
                        }
                    }
                });
            }
        }
        actions
    }
}

fn row(ui: &mut Ui, model: &Model, message: &Message, sight: &Sight) -> bool {
    let palette = theme::palette(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW - space::XS), Sense::click());
    let room = model.summary(message.room).map_or("", |summary| summary.name.as_str());
    let text = words::one_line(message, 140);
    response.widget_info(|| {
        WidgetInfo::labeled(WidgetType::Button, true, format!("{} in {room}: {text}", message.author_name))
    });
    let fill = if response.hovered() || response.has_focus() { palette.hover } else { palette.side };
    ui.painter().rect_filled(rect, CornerRadius::same(radius::S), fill);
    ring(ui, &response, rect, radius::S);
    let when = words::list_time(message.at, sight.now_ms, &sight.zone);
    let right = rect.right() - 10.0;
    let when = ui.painter().text(
        pos2(right, rect.top() + 16.0),
        egui::Align2::RIGHT_CENTER,
        when,
        theme::font(size::TINY),
        palette.faint,
    );
    let left = rect.left() + 12.0;
    let title = format!("{} in {room}", message.author_name);
    cut(ui, &title, pos2(left, rect.top() + 16.0), when.left() - left - space::S, size::SMALL, palette.soft);
    cut(ui, &text, pos2(left, rect.top() + 37.0), right - left, size::BODY, palette.text);
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}

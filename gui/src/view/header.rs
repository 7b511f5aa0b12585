//! The line above a conversation: which room, who is there, what can be done.

use egui::{Align, Layout, Rect, Sense, Ui, Vec2, pos2, vec2};

use parlor_node::SyncState;

use super::{Action, Sight, dialog::Dialog, rooms::cut};
use crate::{
    model::Model,
    theme::{self, Palette, size, space},
    widgets::{ICON_BUTTON, Icon, avatar, icon_button},
    words,
};

/// Draws the header and says what the person wants. `narrow` adds the way back to the list,
/// `column` says that members have a column of their own.
pub fn header(ui: &mut Ui, model: &Model, sight: &Sight, narrow: bool, column: Option<bool>) -> Vec<Action> {
    let palette = theme::palette(ui.visuals());
    let mut actions = Vec::new();
    let Some(room) = model.open else { return actions };
    let summary = model.summary(room);
    let name = summary.map_or("Room", |summary| summary.name.as_str());
    ui.horizontal(|ui| {
        ui.set_height(60.0);
        ui.add_space(space::S);
        if narrow && icon_button(ui, Icon::Back, "Back to rooms", "Alt+Left").clicked() {
            actions.push(Action::CloseRoom);
        }
        let (face, _) = ui.allocate_exact_size(Vec2::splat(38.0), Sense::hover());
        avatar(ui.painter(), face, room.as_bytes(), name, true);
        let wide = (ui.available_width() - 22.0 - 3.0 * theme::reach(ui, ICON_BUTTON)).max(60.0);
        let (rect, response) = ui.allocate_exact_size(vec2(wide, 60.0), Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Label, true, format!("Room {name}")));
        cut(ui, name, pos2(rect.left(), rect.top() + 22.0), wide, size::TITLE, palette.text);
        let (text, color) = second_line(model, sight, palette);
        let line = Rect::from_min_size(pos2(rect.left(), rect.top() + 34.0), vec2(wide, 18.0));
        let label = ui.interact(line, ui.id().with("state"), Sense::hover());
        label.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Label, true, &text));
        cut(ui, &text, line.left_center(), wide, size::SMALL, color);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.add_space(space::S);
            if icon_button(ui, Icon::Sliders, "About this room", "").clicked() {
                actions.push(Action::Open(Dialog::room(room)));
            }
            if icon_button(ui, Icon::People, "Members", "").clicked() {
                actions.push(match column {
                    Some(_) => Action::ToggleMembers,
                    None => Action::Open(Dialog::Members),
                });
            }
            let other = summary.and_then(|summary| summary.direct);
            if let Some(other) = other {
                if icon_button(ui, Icon::Shield, "Who is this?", "").clicked() {
                    actions.push(Action::OpenPerson(other));
                }
            } else if icon_button(ui, Icon::Share, "Share code", "Ctrl+I").clicked() {
                actions.push(Action::Open(Dialog::share(room)));
            }
        });
    });
    let below = ui.min_rect();
    ui.painter().hline(below.x_range(), below.bottom(), egui::Stroke::new(1.0, palette.line));
    actions
}

fn second_line(model: &Model, sight: &Sight, palette: &Palette) -> (String, egui::Color32) {
    let chat = model.open_chat();
    if let Some(typing) = chat.and_then(|chat| words::typing(&chat.typing_names(sight.now_ms))) {
        return (typing, palette.accent);
    }
    let Some(summary) = model.open.and_then(|room| model.summary(room)) else {
        return ("Opening".to_owned(), palette.soft);
    };
    let members = words::members(chat.map_or(&[], |chat| &chat.members), summary.members);
    let members = match summary.vanish_ms {
        Some(ms) => format!("{members}. {}", words::vanishing(ms)),
        None => members,
    };
    match words::sync(summary.sync) {
        // Alone in one's own new room is no news.
        Some(_) if summary.members <= 1 && summary.sync == SyncState::Alone => (members, palette.soft),
        Some(sync) => (format!("{members}. {sync}"), palette.soft),
        None => (members, palette.soft),
    }
}

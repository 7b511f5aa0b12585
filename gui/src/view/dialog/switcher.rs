//! Goes to a room by typing a part of its name.

use egui::{
    Context, CornerRadius, Key, Modifiers, Rect, RichText, Sense, Ui, Vec2, WidgetInfo, WidgetType, pos2, vec2,
};
use parlor_node::RoomSummary;

use crate::{
    model::Model,
    theme::{self, radius, size, space},
    view::{Action, rooms::cut},
    widgets::{avatar, dialog, text_field},
};

/// Rooms shown at once.
const SHOWN: usize = 8;

/// What is being typed.
#[derive(Clone, Debug, Default)]
pub struct Switcher {
    words: String,
    chosen: usize,
    asked: bool,
}

impl Switcher {
    pub(super) fn show(&mut self, ctx: &Context, model: &Model) -> Vec<Action> {
        let mut actions = Vec::new();
        if dialog(ctx, "Go to a room", |ui| actions.extend(self.content(ui, model))) {
            actions.push(Action::CloseDialog);
        }
        actions
    }

    fn content(&mut self, ui: &mut Ui, model: &Model) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        let mut actions = Vec::new();
        let (down, up) = ui.input_mut(|input| {
            (input.consume_key(Modifiers::NONE, Key::ArrowDown), input.consume_key(Modifiers::NONE, Key::ArrowUp))
        });
        let field = text_field(ui, "switcher", &mut self.words, "Room to go to", "A part of its name", 100);
        if !std::mem::replace(&mut self.asked, true) {
            field.request_focus();
        }
        if field.changed() {
            self.chosen = 0;
        }
        let wanted = self.words.trim().to_lowercase();
        let fits = |room: &&RoomSummary| room.name.to_lowercase().contains(&wanted);
        let rooms: Vec<_> = model.rooms.iter().flatten().filter(fits).take(SHOWN).collect();
        if down {
            self.chosen += 1;
        }
        if up {
            self.chosen = self.chosen.saturating_sub(1);
        }
        self.chosen = self.chosen.min(rooms.len().saturating_sub(1));
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if rooms.is_empty() {
            ui.label(RichText::new("No room has this name.").size(size::SMALL).color(palette.soft));
        }
        for (index, room) in rooms.into_iter().enumerate() {
            let chosen = index == self.chosen;
            if row(ui, room, chosen) || (chosen && entered) {
                actions.push(Action::OpenRoom(room.room));
                actions.push(Action::CloseDialog);
            }
        }
        actions
    }
}

fn row(ui: &mut Ui, room: &RoomSummary, chosen: bool) -> bool {
    let palette = theme::palette(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 44.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(WidgetType::Button, true, chosen, format!("Go to {}", room.name)));
    let fill = match (chosen, response.hovered()) {
        (true, _) => palette.chosen,
        (_, true) => palette.hover,
        _ => egui::Color32::TRANSPARENT,
    };
    ui.painter().rect_filled(rect, CornerRadius::same(radius::S), fill);
    let face = Rect::from_min_size(rect.min + vec2(8.0, 7.0), Vec2::splat(30.0));
    avatar(ui.painter(), face, room.room.as_bytes(), &room.name, true);
    let left = face.right() + space::M;
    cut(ui, &room.name, pos2(left, rect.center().y), rect.right() - left - space::S, size::BODY, palette.text);
    response.clicked()
}

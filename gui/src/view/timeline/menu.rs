//! What can be done with a message: its menu, the buttons beside it, its reactions.

use egui::{
    CornerRadius, Galley, Popup, PopupCloseBehavior, Rect, Response, Sense, SetOpenCommand, Stroke, StrokeKind, Ui,
    UiBuilder, WidgetInfo, WidgetType, pos2, vec2,
};
use parlor_node::{Command, Message, MessageBody, Reaction};
use parlor_protocol::Role;
use std::{sync::Arc, time::Duration};

use crate::{
    model::Chat,
    theme::{self, radius, size},
    view::Action,
    widgets::Icon,
};

/// How long somebody is silenced from the menu.
const SILENCE: Duration = Duration::from_secs(3_600);
/// Reactions one click away.
const QUICK: [&str; 6] = ["👍", "❤", "😂", "🎉", "😮", "🙏"];

/// A reaction under a bubble; a click adds or takes back one's own.
pub(super) fn chip(
    ui: &Ui,
    message: &Message,
    reaction: &Reaction,
    chat: &Chat,
    rect: Rect,
    galley: Arc<Galley>,
) -> Option<Action> {
    let palette = theme::palette(ui.visuals());
    let own = own_device(chat).is_some_and(|own| reaction.by.contains(&own));
    let hit = rect.expand2(vec2(0.0, ((theme::reach(ui, 0.0) - rect.height()) / 2.0).max(0.0)));
    let response = ui.interact(hit, ui.id().with(("reaction", &reaction.emoji)), Sense::click());
    let named = format!("{} from {}{}", reaction.emoji, reaction.by.len(), if own { ", yours too" } else { "" });
    response.widget_info(|| WidgetInfo::selected(WidgetType::Button, true, own, &named));
    let (fill, edge) = if own { (palette.chosen, palette.accent) } else { (palette.ground, palette.line) };
    let fill = if response.hovered() { palette.hover } else { fill };
    ui.painter().rect(rect, CornerRadius::same(13), fill, Stroke::new(1.0, edge), StrokeKind::Inside);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, palette.text);
    let names: Vec<_> =
        reaction.by.iter().map(|device| chat.member_name(*device).unwrap_or("Someone")).take(12).collect();
    let clicked = response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(names.join(", ")).clicked();
    clicked.then(|| Action::React(message.id, reaction.emoji.clone(), !own))
}

fn own_device(chat: &Chat) -> Option<parlor_protocol::DeviceId> {
    chat.members.iter().find(|member| member.own).map(|member| member.device)
}

fn has_own(message: &Message, chat: &Chat, emoji: &str) -> bool {
    let own = own_device(chat);
    message
        .reactions
        .iter()
        .any(|reaction| reaction.emoji == emoji && own.is_some_and(|own| reaction.by.contains(&own)))
}

/// The menu of a message: right click, or Enter while it has the keyboard.
pub(super) fn context_menu(response: &Response, message: &Message, chat: &Chat) -> Option<Action> {
    let by_key = response.has_focus() && response.ctx.input(|input| input.key_pressed(egui::Key::Enter));
    let open = (by_key || response.secondary_clicked()).then_some(SetOpenCommand::Bool(true));
    let mut popup =
        Popup::menu(response).open_memory(open).close_behavior(PopupCloseBehavior::CloseOnClick).width(190.0);
    if response.ctx.input(|input| input.pointer.latest_pos().is_some()) && !response.has_focus() {
        popup = popup.at_pointer_fixed();
    }
    popup.show(|ui| items(ui, message, chat)).and_then(|shown| shown.inner)
}

fn items(ui: &mut Ui, message: &Message, chat: &Chat) -> Option<Action> {
    let mut action = None;
    if message.body != MessageBody::Deleted {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            for emoji in QUICK {
                let own = has_own(message, chat, emoji);
                let button = egui::Button::new(egui::RichText::new(emoji).size(19.0))
                    .frame(own)
                    .min_size(egui::Vec2::splat(theme::reach(ui, 34.0)));
                let response = ui.add(button);
                crate::widgets::name_it(ui, &response, &format!("React with {emoji}"));
                if response.clicked() {
                    action = Some(Action::React(message.id, emoji.to_owned(), !own));
                }
            }
        });
        ui.separator();
    }
    let mut item = |ui: &mut Ui, icon: Icon, text: &str, wanted: Action| {
        if menu_item(ui, icon, text) {
            action = Some(wanted);
        }
    };
    if let MessageBody::Text { text } = &message.body {
        item(ui, Icon::Reply, "Reply", Action::Reply(message.id));
        item(ui, Icon::Copy, "Copy text", Action::Copy { text: text.clone(), what: "Text" });
        if message.own {
            item(ui, Icon::Pen, "Edit", Action::Edit(message.id));
        }
        if message.own || chat.own_role() >= Role::Moderator {
            item(ui, Icon::Trash, "Delete for everybody", Action::Delete(message.id));
        }
        let role = chat.members.iter().find(|member| member.device == message.author).map(|member| member.role);
        let user = message.user.filter(|_| !message.own && chat.own_role() >= Role::Moderator);
        if let (Some(user), Some(_)) = (user, role.filter(|role| *role < chat.own_role())) {
            let mute =
                |lasts| Action::Govern(message.room, Box::new(Command::Mute { room: message.room, user, lasts }));
            item(ui, Icon::Clock, "Silence for an hour", mute(Some(SILENCE)));
            item(ui, Icon::Bubble, "Let write again", mute(None));
        }
    } else {
        ui.label("Nothing can be done with a deleted message.");
    }
    action
}

fn menu_item(ui: &mut Ui, icon: Icon, text: &str) -> bool {
    let palette = theme::palette(ui.visuals());
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width().max(180.0), theme::reach(ui, 32.0)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, text));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, CornerRadius::same(radius::S), palette.hover);
    }
    let face = Rect::from_center_size(pos2(rect.left() + 18.0, rect.center().y), vec2(16.0, 16.0));
    icon.paint(ui.painter(), face, palette.soft);
    let at = pos2(rect.left() + 36.0, rect.center().y);
    ui.painter().text(at, egui::Align2::LEFT_CENTER, text, theme::font(size::BODY), palette.text);
    response.clicked()
}

/// Buttons beside the bubble while the pointer is over the row.
pub(super) fn beside(ui: &mut Ui, message: &Message, bubble: Rect, row: Rect) -> Option<Action> {
    // Fingers do not hover; they hold the message for its menu.
    if ui.input(egui::InputState::has_touch_screen) {
        return None;
    }
    let reach = Rect::from_min_max(pos2(row.left(), bubble.top()), pos2(row.right(), bubble.bottom()));
    if message.body == MessageBody::Deleted || !ui.rect_contains_pointer(reach) || Popup::is_any_open(ui.ctx()) {
        return None;
    }
    let wide = 72.0;
    let x = if message.own { bubble.left() - wide - 4.0 } else { bubble.right() + 4.0 };
    if x < row.left() || x + wide > row.right() {
        return None;
    }
    let at = Rect::from_min_size(pos2(x, bubble.center().y - 17.0), vec2(wide, 34.0));
    let mut child =
        ui.new_child(UiBuilder::new().max_rect(at).layout(egui::Layout::left_to_right(egui::Align::Center)));
    child.spacing_mut().item_spacing.x = 2.0;
    let like = crate::widgets::icon_button(&mut child, Icon::Smile, "React with 👍", "");
    if like.clicked() {
        let own = false;
        return Some(Action::React(message.id, "👍".to_owned(), !own));
    }
    crate::widgets::icon_button(&mut child, Icon::Reply, "Reply", "").clicked().then(|| Action::Reply(message.id))
}

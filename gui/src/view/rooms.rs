//! The list of rooms.

use egui::{
    Align, Align2, CornerRadius, Layout, Rect, ScrollArea, Sense, Ui, Vec2, WidgetInfo, WidgetType, pos2, vec2,
};
use parlor_node::{MessageBody, RoomSummary, store::LockKind};

use super::{Action, Sight, dialog::Dialog};
use crate::{
    model::Model,
    theme::{self, Palette, radius, size, space},
    widgets::{ICON_BUTTON, Icon, avatar, icon_button, main_button, plain_button},
    words,
};

const ROW: f32 = 64.0;

/// Draws the list and says what the person wants.
pub fn rooms(ui: &mut Ui, model: &Model, sight: &Sight) -> Vec<Action> {
    let mut actions = Vec::new();
    ui.spacing_mut().item_spacing.y = space::XS;
    ui.add_space(space::M);
    actions.extend(head(ui, model, sight));
    ui.add_space(space::XS);
    let foot = theme::reach(ui, 36.0) + 20.0 + if model.joining.is_some() { 44.0 } else { 0.0 };
    let tall = (ui.available_height() - foot).max(80.0);
    let list = model.rooms.as_deref();
    ui.allocate_ui(vec2(ui.available_width(), tall), |ui| {
        ui.set_min_height(tall);
        match list {
            None => {}
            Some([]) => empty(ui),
            Some(list) => {
                let area = ScrollArea::vertical().auto_shrink([false, false]).id_salt("rooms");
                // Rows have one height, so a long list costs what is in sight.
                area.show_rows(ui, ROW, list.len(), |ui, range| {
                    for summary in list.get(range).unwrap_or_default() {
                        if row(ui, model, summary, sight) {
                            actions.push(Action::OpenRoom(summary.room));
                        }
                    }
                });
            }
        }
    });
    if model.joining.is_some() && joining_bar(ui) {
        actions.push(Action::Open(Dialog::join()));
    }
    actions.extend(foot_row(ui, sight));
    actions
}

fn head(ui: &mut Ui, model: &Model, sight: &Sight) -> Vec<Action> {
    let palette = theme::palette(ui.visuals());
    let mut actions = Vec::new();
    let lockable = model.lock.kind.is_some_and(LockKind::has_passphrase);
    let buttons = 16.0 + theme::reach(ui, ICON_BUTTON) * if lockable { 3.0 } else { 2.0 };
    ui.horizontal(|ui| {
        ui.add_space(space::M);
        if let Some(profile) = &model.profile {
            let (rect, _) = ui.allocate_exact_size(Vec2::splat(36.0), Sense::hover());
            avatar(ui.painter(), rect, profile.device.as_bytes(), &profile.name, false);
            let wide = (ui.available_width() - buttons).max(40.0);
            ui.allocate_ui(vec2(wide, 40.0), |ui| {
                ui.vertical(|ui| {
                    ui.set_width(wide);
                    ui.spacing_mut().item_spacing.y = 1.0;
                    let name = egui::RichText::new(&profile.name).size(size::BODY).color(palette.text);
                    ui.add(egui::Label::new(name).truncate().selectable(false));
                    let (dot, text) = connection_words(model, palette);
                    ui.horizontal(|ui| {
                        ui.spacing_mut().item_spacing.x = 5.0;
                        let (rect, _) = ui.allocate_exact_size(vec2(8.0, 14.0), Sense::hover());
                        ui.painter().circle_filled(rect.center(), 3.5, dot);
                        let text = egui::RichText::new(text).size(size::TINY + 0.5).color(palette.soft);
                        ui.add(egui::Label::new(text).truncate().selectable(false));
                    });
                });
            });
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.add_space(space::S);
            for (icon, name, key, dialog) in [
                (Icon::Sliders, "Settings", "Ctrl+,", Dialog::settings(model)),
                (Icon::Nodes, "Connection", "", Dialog::Connection),
            ] {
                if icon_button(ui, icon, name, key).clicked() {
                    actions.push(Action::Open(dialog));
                }
            }
            if lockable
                && icon_button(ui, Icon::Padlock, "Lock", if sight.place.is_browser { "" } else { "Ctrl+L" }).clicked()
            {
                actions.push(Action::LockNow);
            }
        });
    });
    if search_bar(ui, sight.place.is_touched) {
        actions.push(Action::Open(Dialog::search()));
    }
    actions
}

/// A join goes on while its dialog is closed; this brings it back.
fn joining_bar(ui: &mut Ui) -> bool {
    let palette = theme::palette(ui.visuals());
    let (outer, _) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::hover());
    let rect = outer.shrink2(vec2(space::M, 2.0));
    let response = ui.interact(rect, ui.id().with("joining bar"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, "Show how joining goes"));
    let fill = if response.hovered() { palette.hover } else { palette.chosen };
    ui.painter().rect_filled(rect, CornerRadius::same(radius::S), fill);
    crate::widgets::ring(ui, &response, rect, radius::S);
    let icon = Rect::from_center_size(rect.left_center() + vec2(20.0, 0.0), Vec2::splat(16.0));
    Icon::Key.paint(ui.painter(), icon, palette.accent);
    let left = pos2(rect.left() + 36.0, rect.center().y);
    ui.painter().text(left, Align2::LEFT_CENTER, "Joining a room", theme::font(size::BODY), palette.text);
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}

/// Looks like a field, opens the search.
fn search_bar(ui: &mut Ui, is_touched: bool) -> bool {
    let palette = theme::palette(ui.visuals());
    ui.add_space(space::XS);
    let (outer, _) = ui.allocate_exact_size(vec2(ui.available_width(), theme::reach(ui, 36.0)), Sense::hover());
    let rect = outer.shrink2(vec2(space::M, 0.0));
    let response = ui.interact(rect, ui.id().with("search bar"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, "Search"));
    let fill = if response.hovered() { palette.chosen } else { palette.hover };
    ui.painter().rect_filled(rect, CornerRadius::same(radius::S), fill);
    crate::widgets::ring(ui, &response, rect, radius::S);
    let icon = Rect::from_center_size(rect.left_center() + vec2(20.0, 0.0), Vec2::splat(16.0));
    Icon::Lens.paint(ui.painter(), icon, palette.faint);
    let (left, right) = (pos2(rect.left() + 36.0, rect.center().y), pos2(rect.right() - 12.0, rect.center().y));
    ui.painter().text(left, Align2::LEFT_CENTER, "Search", theme::font(size::BODY), palette.faint);
    if !is_touched {
        ui.painter().text(right, Align2::RIGHT_CENTER, "Ctrl+F", theme::font(size::TINY), palette.faint);
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}

fn connection_words(model: &Model, palette: &Palette) -> (egui::Color32, String) {
    let peers = model.connection.peers.iter().filter(|peer| !peer.archive).count();
    let archive = model.connection.peers.iter().any(|peer| peer.archive);
    match (peers, archive) {
        (0, false) => (palette.warn, "Looking for others".to_owned()),
        (0, true) => (palette.good, "Archive connected".to_owned()),
        (peers, false) => (palette.good, words::count(peers, "machine", "machines")),
        (peers, true) => (palette.good, format!("{} and archive", words::count(peers, "machine", "machines"))),
    }
}

fn foot_row(ui: &mut Ui, sight: &Sight) -> Vec<Action> {
    let mut actions = Vec::new();
    ui.horizontal(|ui| {
        // Three in a row just fit.
        ui.spacing_mut().item_spacing.x = 3.0;
        ui.add_space(space::S);
        if main_button(ui, "Join with a code", true).on_hover_text("Ctrl+J").clicked() {
            actions.push(Action::Open(Dialog::join()));
        }
        let mut fresh = plain_button(ui, "New room");
        if !sight.place.is_browser {
            fresh = fresh.on_hover_text("Ctrl+N");
        }
        if fresh.clicked() {
            actions.push(Action::Open(Dialog::create()));
        }
        if icon_button(ui, Icon::People, "People nearby", "").clicked() {
            actions.push(Action::Open(Dialog::Nearby));
        }
    });
    actions
}

fn empty(ui: &mut Ui) {
    let palette = theme::palette(ui.visuals());
    ui.add_space(space::XXL);
    ui.vertical_centered(|ui| {
        ui.set_max_width(ui.available_width() - space::XL);
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(44.0), Sense::hover());
        Icon::Bubble.paint(ui.painter(), rect, palette.faint);
        ui.label(egui::RichText::new("No rooms yet").size(size::TITLE).color(palette.text));
        let text = "Join one with a code that someone gave you, or make a new room and share its code.";
        ui.label(egui::RichText::new(text).size(size::SMALL).color(palette.soft));
    });
}

fn row(ui: &mut Ui, model: &Model, summary: &RoomSummary, sight: &Sight) -> bool {
    let palette = theme::palette(ui.visuals());
    let chosen = model.open == Some(summary.room);
    let (outer, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let rect = outer.shrink2(vec2(space::S, 0.0));
    let response = ui.interact(rect, ui.id().with(summary.room), Sense::click());
    let unread = if summary.unread > 0 { format!(", {} unread", summary.unread) } else { String::new() };
    let request = if summary.request { ", request" } else { "" };
    let named = format!("{}{request}{unread}", summary.name);
    response.widget_info(|| WidgetInfo::selected(WidgetType::SelectableLabel, true, chosen, &named));
    if !ui.is_rect_visible(rect) {
        return response.clicked();
    }
    let fill = match (chosen, response.hovered()) {
        (true, _) => palette.chosen,
        (false, true) => palette.hover,
        (false, false) => egui::Color32::TRANSPARENT,
    };
    ui.painter().rect_filled(rect, CornerRadius::same(radius::M), fill);
    crate::widgets::ring(ui, &response, rect, radius::M);
    let face = Rect::from_min_size(rect.min + vec2(10.0, 10.0), Vec2::splat(44.0));
    avatar(ui.painter(), face, summary.room.as_bytes(), &summary.name, true);

    let left = face.right() + space::M;
    let (upper, lower) = (rect.top() + 22.0, rect.top() + 42.0);
    let time = words::list_time(summary.active_at, sight.now_ms, &sight.zone);
    let time_color = if summary.unread > 0 { palette.accent } else { palette.faint };
    let time = ui.painter().text(
        pos2(rect.right() - 12.0, upper),
        Align2::RIGHT_CENTER,
        time,
        theme::font(size::TINY),
        time_color,
    );
    let mut right = rect.right() - 12.0;
    if summary.unread > 0 {
        right = badge(ui, pos2(right, lower), summary.unread, palette) - space::S;
    }
    let name_color = palette.text;
    cut(ui, &summary.name, pos2(left, upper), time.left() - space::S - left, size::BODY + 0.5, name_color);
    let draft = model.chat(summary.room).map_or("", |chat| chat.draft.text.trim());
    let (line, color) = if !chosen && !draft.is_empty() {
        (format!("Draft: {}", words::shorten(draft, 60)), palette.bad)
    } else {
        (last_line(summary), if summary.unread > 0 { palette.text } else { palette.soft })
    };
    cut(ui, &line, pos2(left, lower), right - left, size::SMALL, color);
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}

fn badge(ui: &Ui, right_center: egui::Pos2, unread: u64, palette: &Palette) -> f32 {
    let text = if unread > 999 { "999+".to_owned() } else { unread.to_string() };
    let galley = ui.painter().layout_no_wrap(text, theme::font(size::TINY), palette.on_accent);
    let wide = (galley.size().x + 12.0).max(20.0);
    let rect = Rect::from_min_size(right_center - vec2(wide, 10.0), vec2(wide, 20.0));
    ui.painter().rect_filled(rect, CornerRadius::same(10), palette.accent);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, palette.on_accent);
    rect.left()
}

/// The newest message as the second line.
fn last_line(summary: &RoomSummary) -> String {
    if summary.request {
        return "Wants to write to you".to_owned();
    }
    match &summary.last {
        None => words::sync(summary.sync).unwrap_or_else(|| "No messages yet".to_owned()),
        Some(message) => {
            let text = words::one_line(message, 80);
            match (&message.body, message.own) {
                (MessageBody::Text { .. }, true) => format!("You: {text}"),
                (MessageBody::Text { .. }, false) => format!("{}: {text}", message.author_name),
                _ => text,
            }
        }
    }
}

/// One line of text that ends in … where it does not fit.
pub(super) fn cut(ui: &Ui, text: &str, left_center: egui::Pos2, wide: f32, points: f32, color: egui::Color32) {
    let mut job = egui::text::LayoutJob::simple(words::shorten(text, 160), theme::font(points), color, wide.max(8.0));
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    ui.painter().galley(left_center - vec2(0.0, galley.size().y / 2.0), galley, color);
}

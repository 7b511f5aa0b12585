//! Who is in a room, and who of them is here now.

use egui::{CornerRadius, Rect, RichText, ScrollArea, Sense, Stroke, Ui, Vec2, WidgetInfo, WidgetType, pos2, vec2};
use parlor_node::{Came, Member};

use super::{Action, Sight, rooms::cut};
use crate::{
    model::Chat,
    theme::{self, radius, size, space},
    widgets::{Icon, avatar},
    words,
};

const ROW: f32 = 46.0;

/// Draws the members, those who are here first. A click shows who somebody is.
pub fn members(ui: &mut Ui, chat: &Chat, sight: &Sight) -> Vec<Action> {
    let mut actions = Vec::new();
    let palette = theme::palette(ui.visuals());
    let mut sorted: Vec<&Member> = chat.members.iter().collect();
    sorted.sort_by_key(|member| (words::is_gone(member), !(member.own || member.online)));
    let here = sorted.iter().filter(|member| !words::is_gone(member)).count();
    let title = words::count(here, "member", "members");
    ui.add_space(space::XS);
    ui.horizontal(|ui| {
        ui.add_space(space::M);
        ui.label(RichText::new(title).size(size::SMALL).color(palette.faint));
    });
    let area = ScrollArea::vertical().auto_shrink([false, true]).id_salt("members");
    area.show_rows(ui, ROW, sorted.len(), |ui, range| {
        for member in sorted.get(range).unwrap_or_default() {
            actions.extend(row(ui, member, sight));
        }
    });
    actions
}

fn row(ui: &mut Ui, member: &Member, sight: &Sight) -> Option<Action> {
    let palette = theme::palette(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let here = (member.own || member.online) && !words::is_gone(member);
    let second = words::member(member, sight.now_ms, &sight.zone);
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, format!("{}, {second}", member.name)));
    if response.hovered() || response.has_focus() {
        let ground = rect.shrink2(vec2(space::XS, 1.0));
        ui.painter().rect_filled(ground, CornerRadius::same(radius::S), palette.hover);
    }
    let face = Rect::from_min_size(rect.min + vec2(space::M, 6.0), Vec2::splat(34.0));
    avatar(ui.painter(), face, member.device.as_bytes(), &member.name, false);
    let dot = if here { palette.good } else { palette.faint };
    let at = face.right_bottom() - vec2(4.0, 4.0);
    ui.painter().circle(at, 5.5, dot, Stroke::new(2.0, palette.side));
    let left = face.right() + space::S + 2.0;
    let color = if here { palette.text } else { palette.soft };
    let mut right = rect.right() - space::S;
    let mut mark = |icon: Icon, color| {
        let at = pos2(right - 8.0, rect.top() + 16.0);
        icon.paint(ui.painter(), Rect::from_center_size(at, Vec2::splat(15.0)), color);
        right -= 20.0;
    };
    if member.verified {
        mark(Icon::Shield, palette.good);
    }
    if member.looks_like.is_some() || member.came.as_ref().is_some_and(Came::is_odd) {
        mark(Icon::Alert, palette.warn);
    }
    cut(ui, &member.name, pos2(left, rect.top() + 16.0), right - left, size::BODY, color);
    let wide = rect.right() - space::S - left;
    cut(ui, &second, pos2(left, rect.top() + 33.0), wide, size::TINY + 0.5, palette.faint);
    let tip = match &member.looks_like {
        Some(other) => format!("Careful: the name looks like that of {other}, who is somebody else"),
        None => format!("Device {}, {second}", member.device.short()),
    };
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(tip);
    member.user.filter(|_| response.clicked()).map(Action::OpenPerson)
}

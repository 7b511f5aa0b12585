//! Who is in a room, and who of them is here now.

use egui::{Align2, Rect, RichText, ScrollArea, Sense, Stroke, Ui, Vec2, WidgetInfo, WidgetType, pos2, vec2};
use parlor_node::Member;

use super::rooms::cut;
use crate::{
    model::Chat,
    theme::{self, size, space},
    widgets::avatar,
    words,
};

const ROW: f32 = 46.0;

/// Draws the members, those who are here first.
pub fn members(ui: &mut Ui, chat: &Chat) {
    let palette = theme::palette(ui.visuals());
    let mut sorted: Vec<&Member> = chat.members.iter().collect();
    sorted.sort_by_key(|member| !(member.own || member.online));
    let title = words::count(sorted.len(), "member", "members");
    ui.add_space(space::XS);
    ui.horizontal(|ui| {
        ui.add_space(space::M);
        ui.label(RichText::new(title).size(size::SMALL).color(palette.faint));
    });
    let area = ScrollArea::vertical().auto_shrink([false, true]).id_salt("members");
    area.show_rows(ui, ROW, sorted.len(), |ui, range| {
        for member in sorted.get(range).unwrap_or_default() {
            row(ui, member);
        }
    });
}

fn row(ui: &mut Ui, member: &Member) {
    let palette = theme::palette(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let here = member.own || member.online;
    let mut second = Vec::new();
    if member.own {
        second.push("this is you");
    }
    second.extend(words::role(member.role));
    if !member.own {
        second.push(if member.online { "online" } else { "away" });
    }
    let second = second.join(", ");
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Label, true, format!("{}, {second}", member.name)));
    let face = Rect::from_min_size(rect.min + vec2(space::M, 6.0), Vec2::splat(34.0));
    avatar(ui.painter(), face, member.device.as_bytes(), &member.name, false);
    let dot = if here { palette.good } else { palette.faint };
    let at = face.right_bottom() - vec2(4.0, 4.0);
    ui.painter().circle(at, 5.5, dot, Stroke::new(2.0, palette.side));
    let left = face.right() + space::S + 2.0;
    let color = if here { palette.text } else { palette.soft };
    cut(ui, &member.name, pos2(left, rect.top() + 16.0), rect.right() - left - space::S, size::BODY, color);
    ui.painter().text(
        pos2(left, rect.top() + 33.0),
        Align2::LEFT_CENTER,
        second,
        theme::font(size::TINY + 0.5),
        palette.faint,
    );
    response.on_hover_text(format!("Device {}", member.device.short()));
}

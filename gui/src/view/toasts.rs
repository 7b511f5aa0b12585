//! Short messages to the person, above the conversation where they hide nothing new.

use egui::{
    Align, Align2, Area, Context, CornerRadius, Frame, Id, Layout, Margin, Order, RichText, Stroke, accesskit::Role,
    vec2,
};

use super::Action;
use crate::{
    model::{Model, News},
    theme::{self, radius, size, space},
    widgets::{Icon, icon_button, say},
};

/// What just came into the open room, for screen readers: nothing of it is drawn.
pub fn news(ctx: &Context, model: &Model) {
    let Some(News { number, text }) = &model.news else { return };
    let id = Id::new(("news", number));
    ctx.accesskit_node_builder(id, |node| {
        node.set_role(Role::Status);
        node.set_value(text.clone());
    });
    say(ctx, id);
}

/// Draws them and says which one was taken away.
pub fn toasts(ctx: &Context, model: &Model) -> Vec<Action> {
    let mut actions = Vec::new();
    if model.toasts.is_empty() {
        return actions;
    }
    let palette = theme::palette(&ctx.global_style().visuals);
    let wide = 440.0_f32.min(ctx.content_rect().width() - space::XL * 2.0);
    let area = Area::new(Id::new("toasts")).order(Order::Tooltip).anchor(Align2::CENTER_TOP, vec2(0.0, 74.0));
    area.show(ctx, |ui| {
        for toast in &model.toasts {
            let edge = if toast.bad { palette.bad } else { palette.line };
            let frame = Frame::new()
                .fill(palette.raised)
                .stroke(Stroke::new(1.0, edge))
                .corner_radius(CornerRadius::same(radius::M))
                .shadow(ctx.global_style().visuals.popup_shadow)
                .inner_margin(Margin { left: 16, right: 8, top: 6, bottom: 6 });
            frame.show(ui, |ui| {
                ui.set_width(if toast.remedy.is_empty() { 260.0_f32.min(wide) } else { wide });
                ui.horizontal(|ui| {
                    let room = ui.available_width() - 44.0;
                    let what = RichText::new(&toast.what).size(size::BODY).color(palette.text);
                    if toast.remedy.is_empty() {
                        ui.allocate_ui_with_layout(vec2(room, 34.0), Layout::left_to_right(Align::Center), |ui| {
                            ui.set_width(room);
                            let line = ui.label(what);
                            say(ctx, line.id);
                        });
                    } else {
                        ui.vertical(|ui| {
                            ui.set_width(room);
                            ui.spacing_mut().item_spacing.y = 2.0;
                            let line = ui.label(what);
                            say(ctx, line.id);
                            let line = ui.label(RichText::new(&toast.remedy).size(size::SMALL).color(palette.soft));
                            say(ctx, line.id);
                        });
                    }
                    if icon_button(ui, Icon::Cross, "Dismiss", "").clicked() {
                        actions.push(Action::DismissToast(toast.id));
                    }
                });
            });
        }
    });
    actions
}

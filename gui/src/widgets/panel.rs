//! Dialogs and their parts.

use egui::{
    Align, Area, Context, CornerRadius, Frame, Id, Layout, Margin, Modal, RichText, Stroke, Ui,
    accesskit::{Live, Role},
};

use super::{Icon, icon_button};
use crate::theme::{self, radius, size, space, width};

/// Shows a dialog over the app. Returns true when it should close: Esc, a click beside it, or
/// its close button.
pub fn dialog(ctx: &Context, title: &str, content: impl FnOnce(&mut Ui)) -> bool {
    let palette = theme::palette(&ctx.global_style().visuals);
    let screen = ctx.content_rect();
    let frame = Frame::new()
        .fill(palette.raised)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(CornerRadius::same(radius::L))
        .shadow(ctx.global_style().visuals.window_shadow)
        .inner_margin(Margin { left: 24, right: 8, top: 20, bottom: 24 });
    let id = Id::new(("dialog", title));
    let area: Area = Modal::default_area(id);
    let wide = width::DIALOG.min(screen.width() - space::XL * 2.0 - space::L);
    let shown = Modal::new(id).area(area).frame(frame).backdrop_color(palette.veil).show(ctx, |ui| {
        ctx.accesskit_node_builder(ui.unique_id(), |node| {
            node.set_role(Role::Dialog);
            node.set_label(title.to_owned());
            node.set_modal();
        });
        // The scroll bar stands in the margin, beside the content.
        ui.set_width(wide + space::L);
        let tall = theme::reach(ui, 34.0);
        let title = ui.allocate_ui(egui::vec2(wide, tall), |ui| {
            ui.set_width(wide);
            title_row(ui, title)
        });
        ui.add_space(space::S);
        let tall = (screen.height() - 160.0).max(120.0);
        // Without the lower bound a dialog could not grow beyond its first size.
        let area = egui::ScrollArea::vertical().max_height(tall).min_scrolled_height(tall).auto_shrink([false, true]);
        area.show(ui, |ui| {
            ui.set_width(wide);
            content(ui);
        });
        title.inner
    });
    shown.inner || shown.should_close()
}

/// A title with a close button. Returns true when the button was pressed.
pub fn title_row(ui: &mut Ui, title: &str) -> bool {
    ui.horizontal(|ui| {
        heading(ui, title, size::HEADING);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            icon_button(ui, Icon::Cross, "Close", "Esc").clicked()
        })
        .inner
    })
    .inner
}

/// The title of a dialog or of a whole screen.
pub fn heading(ui: &mut Ui, text: &str, size: f32) {
    let palette = theme::palette(ui.visuals());
    let line = ui.label(RichText::new(text).size(size).color(palette.text));
    ui.ctx().accesskit_node_builder(line.id, |node| {
        node.set_role(Role::Heading);
        node.set_label(text.to_owned());
    });
}

/// A small title inside a dialog.
pub fn section(ui: &mut Ui, title: &str) {
    let palette = theme::palette(ui.visuals());
    ui.add_space(space::S);
    ui.label(RichText::new(title).size(size::SMALL).color(palette.faint));
}

/// What is wrong, with its remedy.
pub fn error_line(ui: &mut Ui, text: &str) {
    let palette = theme::palette(ui.visuals());
    boxed(ui, text, palette.bad_ground, palette.bad);
}

/// What went well.
pub fn good_line(ui: &mut Ui, text: &str) {
    let palette = theme::palette(ui.visuals());
    boxed(ui, text, palette.chosen, palette.good);
}

/// What to know or do.
pub fn hint_line(ui: &mut Ui, text: &str) {
    let palette = theme::palette(ui.visuals());
    boxed(ui, text, palette.warn_ground, palette.warn);
}

/// Lets screen readers say a line as soon as it is there, without being asked.
pub fn say(ctx: &Context, line: Id) {
    ctx.accesskit_node_builder(line, |node| node.set_live(Live::Polite));
}

fn boxed(ui: &mut Ui, text: &str, ground: egui::Color32, mark: egui::Color32) {
    let palette = theme::palette(ui.visuals());
    let frame =
        Frame::new().fill(ground).corner_radius(CornerRadius::same(radius::S)).inner_margin(Margin::symmetric(12, 10));
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        let line = ui.add(egui::Label::new(RichText::new(text).color(palette.text).size(size::SMALL + 0.5)).wrap());
        say(ui.ctx(), line.id);
    });
    let rect = shown.response.rect;
    let bar = egui::Rect::from_min_size(rect.min + egui::vec2(0.0, 6.0), egui::vec2(3.0, rect.height() - 12.0));
    ui.painter().rect_filled(bar, CornerRadius::same(2), mark);
}

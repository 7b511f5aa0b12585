//! Puts the views on the screen: beside each other, or one at a time where it is narrow.

use egui::{CentralPanel, Frame, Margin, Panel, Stroke, Ui};

use super::{App, Setting};
use crate::{
    backend::Backend,
    theme::{self, width},
    view::{self, Action, dialog::Facts},
};

impl<B: Backend> App<B> {
    pub(super) fn draw(&mut self, ui: &mut Ui) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        let mut actions = Vec::new();
        let title = self.window_title();
        // Every command to the window draws another frame, so only changes are told.
        if self.title_told != title {
            self.title_told.clone_from(&title);
            ui.ctx().send_viewport_cmd(egui::ViewportCommand::Title(title));
        }
        let ground = Frame::new().fill(palette.ground);
        let Some(profile) = &self.model.profile else {
            CentralPanel::no_frame().frame(ground).show(ui, view::starting);
            return actions;
        };
        if profile.name.is_empty() {
            let shown = CentralPanel::no_frame().frame(ground);
            actions.extend(shown.show(ui, |ui| view::welcome(ui, &mut self.welcome, &self.model, &self.sight)).inner);
            return actions;
        }
        let wide = ui.available_width();
        if wide < width::NARROW {
            actions.extend(self.narrow(ui, ground));
        } else {
            actions.extend(self.beside(ui, ground, wide));
        }
        actions.extend(self.over(ui));
        actions
    }

    fn narrow(&mut self, ui: &mut Ui, ground: Frame) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        if self.model.open.is_some() {
            return CentralPanel::no_frame().frame(ground).show(ui, |ui| self.room(ui, true, None)).inner;
        }
        let side = Frame::new().fill(palette.side);
        CentralPanel::no_frame().frame(side).show(ui, |ui| view::rooms(ui, &self.model, &self.sight)).inner
    }

    fn beside(&mut self, ui: &mut Ui, ground: Frame, wide: f32) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        let side = Frame::new().fill(palette.side);
        let list =
            Panel::left("rooms").exact_size(width::ROOMS).resizable(false).frame(side).show_separator_line(false);
        let mut actions = list.show(ui, |ui| view::rooms(ui, &self.model, &self.sight)).inner;
        let column = (wide >= width::WIDE).then_some(self.setting.look.members);
        if let (Some(true), Some(_)) = (column, self.model.open) {
            let panel = Panel::right("members column")
                .exact_size(width::MEMBERS)
                .resizable(false)
                .frame(side.inner_margin(Margin::symmetric(0, 12)));
            let shown = panel.show_separator_line(false).show(ui, |ui| {
                self.model.open_chat().map(|chat| view::members(ui, chat, &self.sight)).unwrap_or_default()
            });
            actions.extend(shown.inner);
        }
        let center = CentralPanel::no_frame().frame(ground);
        actions.extend(
            center
                .show(ui, |ui| {
                    let edge = ui.max_rect();
                    let actions = if self.model.open.is_some() {
                        self.room(ui, false, column)
                    } else {
                        view::nothing_open(ui, &self.model)
                    };
                    ui.painter().vline(edge.left(), edge.y_range(), Stroke::new(1.0, palette.line));
                    if column == Some(true) && self.model.open.is_some() {
                        ui.painter().vline(edge.right() - 0.5, edge.y_range(), Stroke::new(1.0, palette.line));
                    }
                    actions
                })
                .inner,
        );
        actions
    }

    fn room(&mut self, ui: &mut Ui, narrow: bool, column: Option<bool>) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(room) = self.model.open else { return actions };
        ui.spacing_mut().item_spacing.y = 0.0;
        let head = Panel::top("header").exact_size(61.0).resizable(false).frame(Frame::NONE).show_separator_line(false);
        actions.extend(head.show(ui, |ui| view::header(ui, &self.model, &self.sight, narrow, column)).inner);

        actions.extend(view::warnings(ui, &self.model, room));
        view::quiet(ui, &self.model, room);

        let name = self.model.summary(room).map(|summary| summary.name.clone()).unwrap_or_default();
        let mut draft = std::mem::take(&mut self.model.chat_mut(room).draft);
        let foot = Panel::bottom("composer").resizable(false).frame(Frame::NONE).show_separator_line(false);
        let is_request = self.model.summary(room).is_some_and(|summary| summary.request);
        let closed = self.model.why_not_write(room).filter(|_| !is_request);
        match (closed, self.model.open_chat()) {
            _ if is_request => actions.extend(foot.show(ui, |ui| view::request(ui, room, &name)).inner),
            (Some(why), _) => {
                foot.show(ui, |ui| view::no_composer(ui, &why));
            }
            (None, Some(chat)) => {
                actions.extend(foot.show(ui, |ui| self.composer.show(ui, chat, &mut draft, &name)).inner);
            }
            (None, None) => {}
        }
        self.model.chat_mut(room).draft = draft;

        let view = self.timelines.entry(room).or_default();
        if let Some(chat) = self.model.open_chat() {
            let center = CentralPanel::no_frame().frame(Frame::NONE);
            actions.extend(center.show(ui, |ui| view.show(ui, chat, &self.sight)).inner);
        }
        let seen = view.is_at_end() && self.dialog.is_none() && ui.input(|input| input.focused);
        let effects = self.model.set_attentive(seen);
        self.carry_out(effects);
        actions
    }

    fn over(&mut self, ui: &Ui) -> Vec<Action> {
        let mut actions = Vec::new();
        let Setting { look, data_folder, page, .. } = &self.setting;
        let facts = Facts { look, data_folder, page: page.as_deref() };
        if let Some(dialog) = &mut self.dialog {
            actions.extend(dialog.show(ui.ctx(), &self.model, &self.sight, facts));
        }
        actions.extend(view::toasts(ui.ctx(), &self.model));
        view::news(ui.ctx(), &self.model);
        actions
    }
}

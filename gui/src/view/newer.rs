//! One line in a page whose archive has a newer version of it.

use egui::{CornerRadius, Frame, Margin, Panel, RichText, Ui};

use super::Action;
use crate::{
    theme::{self, radius, size},
    widgets::plain_button,
};

/// Draws the line over everything else. `is_kept` says whether what is here outlives the page.
pub fn newer(ui: &mut Ui, is_kept: bool) -> Vec<Action> {
    let mut actions = Vec::new();
    let palette = theme::palette(ui.visuals());
    let panel = Panel::top("newer page").resizable(false).show_separator_line(false);
    let frame = Frame::new().fill(palette.ground).inner_margin(Margin::symmetric(12, 6));
    panel.frame(frame).show(ui, |ui| {
        let frame = Frame::new()
            .fill(palette.warn_ground)
            .corner_radius(CornerRadius::same(radius::S))
            .inner_margin(Margin::symmetric(12, 6));
        frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_wrapped(|ui| {
                let text = if is_kept {
                    "The archive has a newer version of this page."
                } else {
                    "The archive has a newer version of this page. Nothing is kept here: loading it ends this visit."
                };
                ui.label(RichText::new(text).size(size::SMALL + 0.5).color(palette.text));
                if plain_button(ui, "Load it").clicked() {
                    actions.push(Action::LoadAnew);
                }
            });
        });
    });
    actions
}

#[cfg(test)]
mod tests {
    use super::{Action, newer};
    use egui_kittest::{Harness, kittest::Queryable as _};

    fn line(wide: f32, is_kept: bool) -> Harness<'static, Vec<Action>> {
        let mut harness = Harness::builder().with_size([wide, 300.0]).build_ui_state(
            move |ui, actions: &mut Vec<Action>| {
                crate::theme::install(ui.ctx());
                actions.extend(newer(ui, is_kept));
            },
            Vec::new(),
        );
        harness.run();
        harness
    }

    #[test]
    fn a_newer_page_is_offered_and_where_nothing_is_kept_it_says_what_that_costs() {
        for wide in [320.0, 1000.0] {
            let mut kept = line(wide, true);
            assert!(kept.query_by_label_contains("ends this visit").is_none());
            kept.get_by_label("Load it").click();
            kept.run();
            assert!(matches!(kept.state().as_slice(), [Action::LoadAnew]));
            let shared = line(wide, false);
            assert!(shared.query_by_label_contains("ends this visit").is_some());
        }
    }
}

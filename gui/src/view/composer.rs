//! Where messages are written. Enter sends, Shift+Enter starts a line; nothing written is lost.

use egui::{
    CornerRadius, Frame, Id, Key, KeyboardShortcut, Margin, Modifiers, Rect, Sense, Stroke, TextEdit, Ui, UiBuilder,
    Vec2, WidgetInfo, WidgetType, vec2,
};
use parlor_protocol::limits::TEXT_MAX;

use crate::{
    model::{Chat, Draft, Writing},
    theme::{self, radius, size, space, width},
    view::Action,
    widgets::{Icon, error_line, hint_line, icon_button, name_it},
    words,
};

/// The id of the field, to give it the keyboard.
pub const COMPOSER: &str = "composer";
/// A paste that makes the draft longer than this is not taken in: laying it out would stop the
/// window, and no message could hold it. What is between the limit of a message and this can
/// still be shortened by hand.
const DRAFT_MAX: usize = 4 * TEXT_MAX;
/// Lines shown before the field scrolls.
const ROWS_MAX: f32 = 8.0;

/// Stands where the field would, in a room where this person cannot write.
pub fn no_composer(ui: &mut Ui, why: &str) {
    // The room may have closed while somebody was writing.
    ui.memory_mut(|memory| memory.surrender_focus(Id::new(COMPOSER)));
    let column = ui.available_width().min(width::COLUMN) - space::L * 2.0;
    let side = (ui.available_width() - column) / 2.0;
    ui.horizontal(|ui| {
        ui.add_space(side);
        ui.vertical(|ui| {
            ui.set_width(column);
            hint_line(ui, why);
        });
    });
    ui.add_space(space::M);
}

/// The state of the field that is not part of the draft.
#[derive(Debug, Default)]
pub struct Composer {
    wants_focus: bool,
}

impl Composer {
    /// Gives the field the keyboard in the next frame.
    pub fn focus(&mut self) {
        self.wants_focus = true;
    }

    /// Draws the composer over a draft that it may change, and says what the person wants.
    pub fn show(&mut self, ui: &mut Ui, chat: &Chat, draft: &mut Draft, room: &str) -> Vec<Action> {
        let mut actions = Vec::new();
        let id = Id::new(COMPOSER);
        let column = ui.available_width().min(width::COLUMN) - space::L * 2.0;
        let side = (ui.available_width() - column) / 2.0;
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.add_space(side);
            ui.vertical(|ui| {
                ui.set_width(column);
                if draft.writing != Writing::New {
                    actions.extend(banner(ui, chat, &draft.writing));
                }
                if let Some(problem) = &draft.problem {
                    error_line(ui, problem);
                    ui.add_space(space::XS);
                }
                let focused = ui.memory(|memory| memory.has_focus(id));
                if focused {
                    actions.extend(take_long_paste(ui, draft));
                    actions.extend(keys(ui, draft));
                }
                actions.extend(self.field(ui, draft, room, id, focused));
            });
        });
        ui.add_space(space::M);
        actions
    }

    fn field(&mut self, ui: &mut Ui, draft: &mut Draft, room: &str, id: Id, focused: bool) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        let mut actions = Vec::new();
        let line = if focused { Stroke::new(1.5, palette.accent) } else { Stroke::new(1.0, palette.line) };
        let frame = Frame::new()
            .fill(palette.field)
            .stroke(line)
            .corner_radius(CornerRadius::same(radius::L))
            .inner_margin(Margin { left: 16, right: 6, top: 5, bottom: 5 });
        frame.show(ui, |ui| {
            let wide = ui.available_width() - theme::reach(ui, 36.0) - 6.0;
            let font = theme::font(size::BODY);
            let rows = ui.painter().layout(draft.text.clone(), font.clone(), palette.text, wide).size().y;
            let send = theme::reach(ui, 36.0);
            let pad = send - 18.0;
            let tall = rows.clamp(18.0, ROWS_MAX * 18.0) + pad;
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), tall), Sense::hover());
            let mut left = ui.new_child(UiBuilder::new().max_rect(Rect::from_min_size(rect.min, vec2(wide, tall))));
            let scroll = egui::ScrollArea::vertical()
                .auto_shrink([false, false])
                .min_scrolled_height(tall)
                .id_salt("composer scroll");
            let edited = scroll.show(&mut left, |ui| {
                let edit = TextEdit::multiline(&mut draft.text)
                    .id(id)
                    .hint_text(format!("Message {}", words::shorten(room, 40)))
                    .font(font)
                    .desired_rows(1)
                    .desired_width(wide)
                    .return_key(KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter))
                    .frame(Frame::NONE.inner_margin(Margin::symmetric(0, if pad > 18.0 { 13 } else { 9 })));
                ui.add(edit)
            });
            let response = edited.inner;
            name_it(ui, &response, "Message");
            if std::mem::take(&mut self.wants_focus) {
                response.request_focus();
            }
            if response.changed() {
                actions.push(Action::Typed);
            }
            let ready = !draft.text.trim().is_empty();
            let saves = matches!(draft.writing, Writing::Edit(_));
            let (name, icon) = if saves { ("Save", Icon::Check) } else { ("Send", Icon::Send) };
            let at = Rect::from_min_size(rect.max - Vec2::splat(send), Vec2::splat(send));
            if send_button(&mut ui.new_child(UiBuilder::new().max_rect(at)), ready, name, icon) {
                actions.push(Action::Send);
                response.request_focus();
            }
        });
        // The length only matters when it comes near the limit.
        if draft.text.len() > TEXT_MAX - 1024 {
            let over = draft.text.trim().len() > TEXT_MAX;
            let color = if over { palette.bad } else { palette.faint };
            let text = format!("{} of {}", words::bytes(draft.text.len()), words::bytes(TEXT_MAX));
            ui.label(egui::RichText::new(text).size(size::TINY).color(color));
        }
        actions
    }
}

/// Enter sends; the up arrow in an empty field edits the newest own message.
fn keys(ui: &Ui, draft: &Draft) -> Vec<Action> {
    let mut actions = Vec::new();
    ui.input_mut(|input| {
        // `consume_key` takes Shift+Enter for Enter, so the modifiers are compared here.
        let mut pressed = |wanted: Key| {
            let fits = |event: &egui::Event| {
                matches!(event, egui::Event::Key { key, pressed: true, modifiers, .. } if *key == wanted && modifiers.is_none())
            };
            let before = input.events.len();
            input.events.retain(|event| !fits(event));
            input.events.len() < before
        };
        if pressed(Key::Enter) {
            actions.push(Action::Send);
        }
        if draft.text.is_empty() && draft.writing == Writing::New && pressed(Key::ArrowUp) {
            actions.push(Action::EditLast);
        }
    });
    actions
}

fn take_long_paste(ui: &Ui, draft: &Draft) -> Option<Action> {
    let mut refused = None;
    ui.input_mut(|input| {
        input.events.retain(|event| match event {
            egui::Event::Paste(text) | egui::Event::Text(text) if text.len() + draft.text.len() > DRAFT_MAX => {
                refused = Some(text.len());
                false
            }
            _ => true,
        });
    });
    refused.map(|got| Action::ComposerProblem(words::paste_problem(got)))
}

fn banner(ui: &mut Ui, chat: &Chat, writing: &Writing) -> Option<Action> {
    let palette = theme::palette(ui.visuals());
    let (icon, title, id) = match writing {
        Writing::New => return None,
        Writing::Reply(id) => {
            let name = chat
                .timeline
                .find(*id)
                .map_or("a message", |message| if message.own { "yourself" } else { &message.author_name });
            (Icon::Reply, format!("Answering {name}"), *id)
        }
        Writing::Edit(id) => (Icon::Pen, "Editing your message".to_owned(), *id),
    };
    let text = chat.timeline.find(id).map(|message| words::one_line(message, 100)).unwrap_or_default();
    let mut cancelled = false;
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(20.0), Sense::hover());
        icon.paint(ui.painter(), rect.shrink(1.0), palette.accent);
        ui.label(egui::RichText::new(title).size(size::SMALL).color(palette.accent));
        let room = (ui.available_width() - 44.0).max(20.0);
        ui.allocate_ui(vec2(room, 20.0), |ui| {
            ui.set_width(room);
            ui.add(
                egui::Label::new(egui::RichText::new(text).size(size::SMALL).color(palette.soft))
                    .truncate()
                    .selectable(false),
            );
        });
        cancelled = icon_button(ui, Icon::Cross, "Cancel", "Esc").clicked();
    });
    cancelled.then_some(Action::CancelWriting)
}

fn send_button(ui: &mut Ui, ready: bool, name: &str, icon: Icon) -> bool {
    let palette = theme::palette(ui.visuals());
    let sense = if ready { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(theme::reach(ui, 36.0)), sense);
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, ready, name));
    let (fill, on) = match (ready, response.hovered()) {
        (true, true) => (palette.accent_hover, palette.on_accent),
        (true, false) => (palette.accent, palette.on_accent),
        (false, _) => (egui::Color32::TRANSPARENT, palette.faint),
    };
    ui.painter().circle_filled(rect.center(), 18.0, fill);
    if response.has_focus() {
        ui.painter().circle_stroke(rect.center(), 18.0, Stroke::new(2.0, palette.text));
    }
    icon.paint(
        ui.painter(),
        Rect::from_center_size(
            rect.center() + vec2(if icon == Icon::Send { 1.0 } else { 0.0 }, 0.0),
            Vec2::splat(18.0),
        ),
        on,
    );
    response.on_hover_text(format!("{name} (Enter)")).clicked()
}

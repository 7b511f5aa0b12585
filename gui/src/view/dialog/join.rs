//! Joins a room with a code: checks each group while it is typed, shows how joining goes from
//! the first moment.

use egui::{Context, CornerRadius, Key, Rect, RichText, Sense, Ui, WidgetInfo, WidgetType, vec2};
use parlor_node::JoinStage;
use parlor_protocol::code::read_typed;

use super::code;
use crate::{
    model::{Joining, Model},
    theme::{self, size, space},
    view::{Action, QrOf, Sight, dialog::qr_buttons},
    widgets::{dialog, error_line, hint_line, main_button, plain_button, section, text_field},
    words,
};

/// A code with everything around it that people copy along; more is cut.
const CODE_CHARS: usize = 400;

/// What is being typed. It is a secret, so `Debug` does not show it.
#[derive(Clone, Default)]
pub struct Join {
    input: String,
    asked: bool,
    /// What was wrong with a picture.
    unread: Option<String>,
}

impl std::fmt::Debug for Join {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Join(..)")
    }
}

impl Join {
    /// With a code that came by a link.
    pub(super) fn with(code: &str) -> Self {
        Self { input: code.chars().take(CODE_CHARS).collect(), asked: false, unread: None }
    }

    /// Takes the code that was in a picture, or says what is wrong with the picture.
    pub(crate) fn fill(&mut self, read: Result<String, String>) {
        match read {
            Ok(code) => *self = Self { asked: self.asked, ..Self::with(&code) },
            Err(problem) => self.unread = Some(problem),
        }
    }

    pub(super) fn show(&mut self, ctx: &Context, model: &Model, sight: &Sight) -> Vec<Action> {
        let mut actions = Vec::new();
        let running = model.joining.as_ref().is_some_and(|joining| joining.error.is_none());
        let closed = dialog(ctx, "Join a room", |ui| match &model.joining {
            Some(joining) if joining.error.is_none() => actions.extend(progress(ui, joining)),
            joining => actions.extend(self.form(ui, joining.as_ref(), sight)),
        });
        if closed {
            if !running {
                actions.push(Action::CancelJoin);
            }
            actions.push(Action::CloseDialog);
        }
        actions
    }

    fn form(&mut self, ui: &mut Ui, failed: Option<&Joining>, sight: &Sight) -> Vec<Action> {
        let palette = theme::palette(ui.visuals());
        let mut actions = Vec::new();
        ui.label(RichText::new("Type or paste the code that someone in the room shows you.").color(palette.soft));
        ui.add_space(space::XS);
        let field = text_field(ui, "code", &mut self.input, "Room code", "7KQ2-M4X9-TB3H-0RVW-5C", CODE_CHARS);
        if !std::mem::replace(&mut self.asked, true) {
            field.request_focus();
            // A code that failed before is there to be corrected or tried again.
            if let Some(joining) = failed.filter(|_| self.input.is_empty()) {
                self.input = joining.code.to_string();
            }
        }
        if field.changed() {
            self.unread = None;
        }
        let typed = read_typed(&self.input);
        code::groups(ui, &typed.groups, typed.state.as_ref().err());
        let problem = typed.state.as_ref().err().and_then(words::code_problem);
        match failed.and_then(|joining| joining.error.as_ref()).filter(|_| problem.is_none()) {
            Some(error) => error_line(ui, &words::command_error(error)),
            None => code::state(ui, &self.input, typed.state.as_ref().err()),
        }
        if let Some(problem) = &self.unread {
            error_line(ui, problem);
        }
        ui.add_space(space::M);
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let mut pressed = false;
        ui.horizontal_wrapped(|ui| {
            pressed = main_button(ui, "Join", typed.state.is_ok()).clicked();
            actions.extend(qr_buttons(ui, QrOf::Room, sight));
        });
        if pressed || entered {
            match typed.state {
                Ok(code) => actions.push(Action::Join(code)),
                Err(_) => field.request_focus(),
            }
        }
        actions
    }
}

fn progress(ui: &mut Ui, joining: &Joining) -> Vec<Action> {
    let palette = theme::palette(ui.visuals());
    let mut actions = Vec::new();
    let (step, text, hint) = match &joining.stage {
        JoinStage::Preparing => (0, "Turning the code into a key".to_owned(), None),
        JoinStage::Searching { asked: 0 } => (
            1,
            "Looking for machines that know this room".to_owned(),
            Some(
                "None is in sight yet. It goes on by itself as soon as one appears. Is the other machine on the same network? If it is, the network may filter multicast: add another machine's address in Settings.",
            ),
        ),
        JoinStage::Searching { asked } => (1, format!("Asking {}", words::count(*asked, "machine", "machines")), None),
        JoinStage::Found { name, .. } => (2, format!("Found “{name}”. Becoming a member"), None),
        JoinStage::Reading { have, total, .. } => (3, format!("Reading history: {have} of {total}"), None),
        JoinStage::Finished { .. } => (4, "Done".to_owned(), None),
        JoinStage::Failed => (1, "It did not work".to_owned(), None),
    };
    section(ui, "Joining");
    ui.label(RichText::new(text).size(size::TITLE).color(palette.text));
    ui.add_space(space::S);
    bar(ui, step, &joining.stage);
    if let Some(hint) = hint {
        ui.add_space(space::S);
        hint_line(ui, hint);
    }
    ui.add_space(space::M);
    if plain_button(ui, "Cancel joining").clicked() {
        actions.push(Action::CancelJoin);
    }
    actions
}

/// Four steps; the current one is filled as far as known.
fn bar(ui: &mut Ui, step: u8, stage: &JoinStage) {
    let palette = theme::palette(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 8.0), Sense::hover());
    response.widget_info(|| {
        WidgetInfo::labeled(WidgetType::ProgressIndicator, true, format!("Step {} of 4", (step + 1).min(4)))
    });
    let gap = 4.0;
    let wide = (rect.width() - gap * 3.0) / 4.0;
    let part = match stage {
        JoinStage::Reading { have, total, .. } if *total > 0 => {
            // Percent is exact enough for a bar.
            u8::try_from(have.saturating_mul(100) / total).map_or(1.0, |percent| f32::from(percent.min(100)) / 100.0)
        }
        _ => 0.5,
    };
    for index in 0..4_u8 {
        let slot = Rect::from_min_size(rect.min + vec2((wide + gap) * f32::from(index), 0.0), vec2(wide, 8.0));
        ui.painter().rect_filled(slot, CornerRadius::same(4), palette.line);
        let filled = match index.cmp(&step) {
            std::cmp::Ordering::Less => 1.0,
            std::cmp::Ordering::Equal => part,
            std::cmp::Ordering::Greater => 0.0,
        };
        if filled > 0.0 {
            let done = Rect::from_min_size(slot.min, vec2(wide * filled, 8.0));
            ui.painter().rect_filled(done, CornerRadius::same(4), palette.accent);
        }
    }
}

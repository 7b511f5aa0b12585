//! Who somebody is: names, devices, rooms, the safety number to compare, and blocking.

use egui::{Context, CornerRadius, FontId, Key, RichText, Sense, Ui, Vec2, WidgetInfo, WidgetType, vec2};
use parlor_node::people::{PersonCard, Safety};
use parlor_protocol::{DeviceId, UserId};

use crate::{
    model::Model,
    theme::{self, radius, size, space},
    view::{
        Action, QrOf, Sight,
        dialog::{Dialog, qr_buttons},
    },
    widgets::{
        Icon, QrPicture, avatar, dialog, error_line, good_line, hint_line, link_button, main_button, plain_button, qr,
        section, text_field, warn_button,
    },
    words,
};

/// Longest text that can be pasted for comparing.
const PASTE_CHARS: usize = 512;

/// What is being typed, and the picture, made once.
#[derive(Clone, Debug)]
pub struct PersonDialog {
    user: UserId,
    compares: bool,
    /// Comparisons that came out well so far, and whether one of them was made here.
    same: Option<u64>,
    said: bool,
    pasted: String,
    picture: Option<(String, QrPicture)>,
}

impl PersonDialog {
    pub(super) fn new(user: UserId) -> Self {
        Self { user, compares: false, same: None, said: false, pasted: String::new(), picture: None }
    }

    /// The person.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Whether the safety number is being compared.
    #[must_use]
    pub fn compares(&self) -> bool {
        self.compares
    }

    pub(super) fn show(&mut self, ctx: &Context, model: &Model, sight: &Sight) -> Vec<Action> {
        let mut actions = Vec::new();
        let card = model.people.card.as_ref().filter(|card| card.user == self.user);
        let title = card.map_or("Person", |card| if card.own { "You" } else { "Person" });
        let closed = dialog(ctx, title, |ui| match card {
            None => {
                ui.label("Looking up");
            }
            Some(card) => {
                who(ui, card);
                // The numbers need the whole screen.
                if let Some(safety) = card.safety.as_ref().filter(|_| self.compares) {
                    actions.extend(self.safety(ui, card, safety, model, sight));
                    return;
                }
                if !card.own && main_button(ui, "Write a message", true).clicked() {
                    actions.push(Action::Message(card.user));
                }
                actions.extend(rooms(ui, card));
                devices(ui, card, model, sight);
                if card.own && plain_button(ui, "Your devices").clicked() {
                    actions.push(Action::Open(Dialog::devices()));
                }
                if let Some(safety) = &card.safety {
                    actions.extend(self.safety(ui, card, safety, model, sight));
                }
                actions.extend(blocking(ui, card));
            }
        });
        if closed {
            actions.push(Action::CloseDialog);
        }
        actions
    }

    fn safety(&mut self, ui: &mut Ui, card: &PersonCard, safety: &Safety, model: &Model, sight: &Sight) -> Vec<Action> {
        let mut actions = Vec::new();
        let palette = theme::palette(ui.visuals());
        section(ui, "Safety number");
        if self.same.replace(model.people.same).is_some_and(|before| before != model.people.same) {
            (self.compares, self.said) = (false, true);
        }
        if self.said && card.verified.is_some() {
            good_line(ui, &format!("The same: it is really {}.", card.name));
        }
        if card.verified.is_some() && !self.compares {
            ui.label(format!("You have compared it with {}: it is really this person.", card.name));
            ui.horizontal(|ui| {
                if plain_button(ui, "Compare again").clicked() {
                    self.compares = true;
                }
                if link_button(ui, "Not verified any more").clicked() {
                    actions.push(Action::Verify(card.user, false));
                }
            });
            return actions;
        }
        if !self.compares {
            let text = format!("Compare it once with {}, and you know that nobody stands between you.", card.name);
            ui.label(RichText::new(text).color(palette.soft));
            if main_button(ui, "Compare", true).clicked() {
                self.compares = true;
            }
            return actions;
        }
        let text = format!(
            "{} sees the same on their own screen, under your name. Compare in person or by telephone: the numbers or the words.",
            card.name
        );
        ui.label(RichText::new(text).color(palette.soft));
        grid(ui, &safety.digits, "Digits", true);
        grid(ui, &safety.words, "Words", false);
        if self.picture.as_ref().is_none_or(|(text, _)| *text != safety.text) {
            self.picture = Some((safety.text.clone(), QrPicture::of(&safety.text)));
        }
        ui.vertical_centered(|ui| {
            if let Some((_, picture)) = &self.picture {
                qr(ui, picture, 172.0, "QR picture of the safety number");
            }
        });
        ui.horizontal(|ui| {
            if main_button(ui, "They are the same", true).clicked() {
                actions.push(Action::Verify(card.user, true));
                self.compares = false;
            }
            if plain_button(ui, "Copy").clicked() {
                actions.push(Action::Copy { text: safety.text.clone(), what: "Safety number" });
            }
            let picture = self.picture.as_ref();
            if let Some((_, picture)) = picture.filter(|_| plain_button(ui, "Save picture").clicked()) {
                actions.push(Action::SavePicture(picture.clone()));
            }
        });
        let hint = "Or paste what the other screen shows, or choose a picture of it:";
        ui.label(RichText::new(hint).size(size::SMALL).color(palette.faint));
        let field = text_field(ui, "safety", &mut self.pasted, "Their safety number", "parlor:verify:", PASTE_CHARS);
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let mut pressed = false;
        ui.horizontal_wrapped(|ui| {
            pressed = plain_button(ui, "Compare pasted").clicked();
            actions.extend(qr_buttons(ui, QrOf::Safety(card.user), sight));
            if plain_button(ui, "Back").clicked() {
                self.compares = false;
            }
        });
        if (pressed || entered) && !self.pasted.trim().is_empty() {
            actions.push(Action::CompareSafety(card.user, std::mem::take(&mut self.pasted)));
        }
        if let Some(problem) = &model.people.problem {
            error_line(ui, problem);
        }
        actions
    }
}

fn who(ui: &mut Ui, card: &PersonCard) {
    let palette = theme::palette(ui.visuals());
    ui.horizontal(|ui| {
        let (face, _) = ui.allocate_exact_size(Vec2::splat(52.0), Sense::hover());
        let device = card.devices.first().map_or(*card.user.as_bytes(), |known| *known.device.as_bytes());
        avatar(ui.painter(), face, &device, &card.name, false);
        ui.vertical(|ui| {
            ui.label(RichText::new(words::shorten(&card.name, 48)).size(size::TITLE).color(palette.text));
            let (icon, color, text) = match (card.own, card.verified) {
                (true, _) => (None, palette.soft, "This is you"),
                (false, Some(_)) => (Some(Icon::Shield), palette.good, "Verified"),
                (false, None) => (None, palette.soft, "Not verified yet"),
            };
            ui.horizontal(|ui| {
                if let Some(icon) = icon {
                    let (rect, _) = ui.allocate_exact_size(Vec2::splat(16.0), Sense::hover());
                    icon.paint(ui.painter(), rect, color);
                }
                ui.label(RichText::new(text).size(size::SMALL).color(color));
            });
        });
    });
    for other in &card.looks_like {
        hint_line(ui, &format!("Careful: this name looks like that of {other}, who is somebody else."));
    }
    if !card.other_names.is_empty() {
        let text = format!("Also called {}", card.other_names.join(", "));
        ui.label(RichText::new(words::shorten(&text, 200)).size(size::SMALL).color(palette.soft));
    }
}

fn rooms(ui: &mut Ui, card: &PersonCard) -> Vec<Action> {
    let mut actions = Vec::new();
    if card.own || card.rooms.is_empty() {
        return actions;
    }
    section(ui, "Rooms you share");
    ui.horizontal_wrapped(|ui| {
        for room in &card.rooms {
            if link_button(ui, &words::shorten(&room.name, 48)).clicked() {
                actions.push(Action::CloseDialog);
                actions.push(Action::OpenRoom(room.room));
            }
        }
    });
    actions
}

fn devices(ui: &mut Ui, card: &PersonCard, model: &Model, sight: &Sight) {
    let palette = theme::palette(ui.visuals());
    section(ui, "Devices");
    for device in &card.devices {
        let when = match (device.current, device.online) {
            (true, _) => "this device".to_owned(),
            (false, true) => "online".to_owned(),
            (false, false) => format!("last seen {}", words::moment(device.last_seen, sight.now_ms, &sight.zone)),
        };
        let text = format!("Device {}, {when}", device.device.short());
        ui.label(RichText::new(text).size(size::SMALL).color(palette.text));
        if let Some(text) = here(device.device, model, sight) {
            ui.label(RichText::new(text).size(size::SMALL).color(palette.soft));
        }
    }
    let seen = format!("First seen {}", words::full_time(card.first_seen, &sight.zone));
    ui.label(RichText::new(seen).size(size::SMALL).color(palette.faint));
}

/// How a device came into the room that is open: `In Kitchen: joined by the code of Ada`.
fn here(device: DeviceId, model: &Model, sight: &Sight) -> Option<String> {
    let chat = model.open_chat()?;
    let member = chat.members.iter().find(|member| member.device == device)?;
    let visit = member.visit.map(|visit| words::visit(visit, sight.now_ms, &sight.zone));
    let parts: Vec<_> = member.came.as_ref().map(words::came).into_iter().chain(visit).collect();
    let name =
        model.open.and_then(|room| model.summary(room)).map(|room| words::shorten(&room.name, 48)).unwrap_or_default();
    (!parts.is_empty()).then(|| format!("In {name}: {}", parts.join(", ")))
}

/// Twelve groups in three lines of four.
fn grid(ui: &mut Ui, groups: &[String], name: &str, wide: bool) {
    let palette = theme::palette(ui.visuals());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 78.0), Sense::hover());
    let spoken = format!("{name}: {}", groups.join(" "));
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Label, true, &spoken));
    ui.painter().rect_filled(rect, CornerRadius::same(radius::S), palette.chosen);
    let cell = vec2(rect.width() / 4.0, rect.height() / 3.0);
    let font = FontId::monospace(if wide { 16.0 } else { 13.5 });
    let mut at = rect.min;
    for (index, group) in groups.iter().enumerate() {
        if index % 4 == 0 && index > 0 {
            at = egui::pos2(rect.left(), at.y + cell.y);
        }
        ui.painter().text(at + cell / 2.0, egui::Align2::CENTER_CENTER, group, font.clone(), palette.text);
        at.x += cell.x;
    }
    ui.add_space(space::XS);
}

fn blocking(ui: &mut Ui, card: &PersonCard) -> Vec<Action> {
    let mut actions = Vec::new();
    if card.own {
        return actions;
    }
    let palette = theme::palette(ui.visuals());
    section(ui, "Blocking");
    let text = match card.blocked {
        true => "You see nothing of this person.",
        false => "You see nothing more of this person, and are not told of anything. The person is not told.",
    };
    ui.label(RichText::new(text).size(size::SMALL).color(palette.soft));
    let pressed = match card.blocked {
        true => plain_button(ui, "Unblock").clicked(),
        false => warn_button(ui, "Block").clicked(),
    };
    if pressed {
        actions.push(Action::Block(card.user, !card.blocked));
    }
    actions
}

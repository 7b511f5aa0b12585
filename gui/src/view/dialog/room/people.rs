//! Who is in the room, a line for each person, and what an owner can do about it.

use egui::{ComboBox, RichText, Ui, vec2};
use parlor_node::{Command, Member};
use parlor_protocol::{Role, UserId};

use super::{Question, RoomPage, small};
use crate::{
    model::Chat,
    theme::{self, size, space},
    view::Action,
    widgets::{Icon, icon_button, name_it},
    words,
};

/// Roles in the order in which they are offered.
const ROLES: [Role; 4] = [Role::Owner, Role::Moderator, Role::Member, Role::Reader];

impl RoomPage {
    pub(super) fn people(&mut self, ui: &mut Ui, chat: &Chat, role: Role) -> Vec<Action> {
        let mut actions = Vec::new();
        let people = persons(&chat.members);
        for (member, devices) in people {
            ui.horizontal(|ui| {
                let controls = if role == Role::Owner { 164.0 } else { 0.0 };
                let room = ui.available_width() - controls;
                ui.allocate_ui(vec2(room, 40.0), |ui| {
                    ui.set_width(room);
                    ui.vertical(|ui| {
                        ui.spacing_mut().item_spacing.y = 1.0;
                        line(ui, member, devices);
                    });
                });
                if role == Role::Owner {
                    actions.extend(self.controls(ui, member));
                }
            });
        }
        ui.add_space(space::S);
        small(
            ui,
            "Owners remove people, give roles and change the rules. Moderators can delete anybody's messages and \
             silence people. Readers only read.",
        );
        actions
    }

    fn controls(&mut self, ui: &mut Ui, member: &Member) -> Option<Action> {
        // Roles are people's: a device that did not say whose it is has none of its own.
        let chosen = member.user.and_then(|user| self.role(ui, member, user));
        if !member.own && icon_button(ui, Icon::Trash, &format!("Remove {}", member.name), "").clicked() {
            let Member { user, device, ref name, .. } = *member;
            self.question = Some(Question::Remove { user, device, name: name.clone() });
        }
        chosen
    }

    fn role(&mut self, ui: &mut Ui, member: &Member, user: UserId) -> Option<Action> {
        let mut wanted = member.role;
        let name = format!("Role of {}", member.name);
        let chosen = ComboBox::from_id_salt(("role", user)).selected_text(words::role_name(wanted)).width(110.0);
        let shown = chosen.show_ui(ui, |ui| {
            for role in ROLES {
                ui.selectable_value(&mut wanted, role, words::role_name(role));
            }
        });
        name_it(ui, &shown.response, &name);
        let command = Command::SetRole { room: self.room, user, role: wanted };
        (wanted != member.role).then(|| self.govern(command))
    }
}

fn line(ui: &mut Ui, member: &Member, devices: usize) {
    let palette = theme::palette(ui.visuals());
    ui.add(egui::Label::new(RichText::new(&member.name).color(palette.text)).truncate());
    let mut second = vec![words::role_name(member.role).to_owned()];
    if member.own {
        second.push("this is you".to_owned());
    }
    if devices > 1 {
        second.push(words::count(devices, "device", "devices"));
    }
    second.extend(member.came.as_ref().filter(|_| devices == 1).map(words::came));
    ui.label(RichText::new(second.join(", ")).size(size::TINY + 0.5).color(palette.faint));
}

/// One line for each person, with the number of devices; of several the own one, then one that is here.
fn persons(members: &[Member]) -> Vec<(&Member, usize)> {
    let mut people: Vec<(&Member, usize)> = Vec::new();
    for member in members.iter().filter(|member| !words::is_gone(member)) {
        match people.iter_mut().find(|(known, _)| known.user.is_some() && known.user == member.user) {
            Some((known, devices)) => {
                *devices += 1;
                if (member.own, member.online) > (known.own, known.online) {
                    *known = member;
                }
            }
            None => people.push((member, 1)),
        }
    }
    people.sort_by_key(|(member, _)| std::cmp::Reverse(member.role));
    people
}

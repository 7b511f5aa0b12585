//! The rules of a room: its name, what newcomers may do and read, how long messages stay.

use egui::{ComboBox, Key, Ui, WidgetInfo, WidgetType};
use parlor_node::{Command, RoomChange, RoomRulesShown};
use parlor_protocol::{HistoryPolicy, Name, Role};

use super::{RoomPage, small};
use crate::{
    model::Model,
    view::Action,
    widgets::{name_it, section, text_field},
    words,
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long messages stay, as offered.
const LIFETIMES: [Option<u64>; 6] = [None, Some(HOUR), Some(DAY), Some(7 * DAY), Some(30 * DAY), Some(365 * DAY)];
/// How long a person waits between two messages, as offered.
const WAITS: [Option<u64>; 5] = [None, Some(10_000), Some(30_000), Some(MINUTE), Some(10 * MINUTE)];
/// What newcomers may read, as offered.
const HISTORIES: [HistoryPolicy; 5] = [
    HistoryPolicy::Everything,
    HistoryPolicy::LastDays(30),
    HistoryPolicy::LastDays(7),
    HistoryPolicy::LastDays(1),
    HistoryPolicy::FromJoining,
];

impl RoomPage {
    pub(super) fn rules(
        &mut self,
        ui: &mut Ui,
        model: &Model,
        rules: Option<&RoomRulesShown>,
        role: Role,
    ) -> Vec<Action> {
        let Some(rules) = rules else {
            ui.label("Reading");
            return Vec::new();
        };
        let may = role == Role::Owner;
        let mut changes = Vec::new();
        if may {
            changes.extend(self.name(ui, model));
        }
        section(ui, "Newcomers");
        let newcomers = |role: Role| words::room_change(&RoomChange::Newcomers(role));
        let chosen =
            choice(ui, "What newcomers may do", may, rules.newcomers, &[Role::Member, Role::Reader], newcomers);
        changes.extend(chosen.map(RoomChange::Newcomers));
        let history = |policy: HistoryPolicy| words::room_change(&RoomChange::History(policy));
        let chosen = choice(ui, "What newcomers may read", may, rules.history, &HISTORIES, history);
        changes.extend(chosen.map(RoomChange::History));
        section(ui, "Messages");
        let lifetime = |span: Option<u64>| words::room_change(&RoomChange::Lifetime(span));
        let chosen = choice(ui, "How long messages stay", may, rules.lifetime_ms, &LIFETIMES, lifetime);
        changes.extend(chosen.map(RoomChange::Lifetime));
        let wait = |span: Option<u64>| words::room_change(&RoomChange::Slow(span));
        let chosen = choice(ui, "How fast people may write", may, rules.slow_ms, &WAITS, wait);
        changes.extend(chosen.map(RoomChange::Slow));
        if !may {
            small(ui, "Owners of the room can change these.");
        }
        let room = self.room;
        changes.into_iter().map(|change| self.govern(Command::ChangeRoom { room, change })).collect()
    }

    fn name(&mut self, ui: &mut Ui, model: &Model) -> Option<RoomChange> {
        section(ui, "Name");
        let known = model.summary(self.room).map_or("", |summary| summary.name.as_str());
        let typed = self.name.get_or_insert_with(|| known.to_owned());
        let field = text_field(ui, "room's name", typed, "Name of the room", "Kitchen", 256);
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if !entered || typed.trim() == known {
            return None;
        }
        match Name::choose(typed) {
            Ok(name) => Some(RoomChange::Name(name)),
            Err(error) => {
                self.problem = Some(words::name_problem(&error));
                None
            }
        }
    }
}

/// A choice of a few values, or the value alone for who may not change it. Gives what was chosen anew.
fn choice<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    may: bool,
    now: T,
    offered: &[T],
    say: impl Fn(T) -> String,
) -> Option<T> {
    let said = words::capital(&say(now));
    if !may {
        let label = ui.label(said.as_str());
        label.widget_info(|| WidgetInfo::labeled(WidgetType::Label, true, format!("{name}: {said}")));
        return None;
    }
    let mut wanted = now;
    let shown = ComboBox::from_id_salt(name).selected_text(said).width(ui.available_width() - 8.0).show_ui(ui, |ui| {
        for value in offered {
            ui.selectable_value(&mut wanted, *value, words::capital(&say(*value)));
        }
    });
    name_it(ui, &shown.response, name);
    (wanted != now).then_some(wanted)
}

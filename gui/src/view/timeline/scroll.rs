//! Which rows are in sight and where. Heights are measured once per row and width; rows never
//! in sight have a guessed height. What is in sight stays in place when something above it
//! changes.

use egui::{CornerRadius, Rect, ScrollArea, Sense, Ui, UiBuilder, Vec2, WidgetInfo, WidgetType, pos2, vec2};
use parlor_node::Order;
use parlor_protocol::EntryId;
use std::collections::HashMap;

use super::{
    bubble::{self, Place},
    rows::{self, Row, RowKey},
};
use crate::{
    model::Chat,
    theme::{self, size, space, width},
    view::{Action, Sight},
    widgets::Icon,
};

/// This close to the end counts as at the end, in points.
const AT_END: f32 = 12.0;
/// This close to the top older messages are read, in screens.
const NEAR_TOP: f32 = 2.0;
/// How long a message that was jumped to stays lit, in milliseconds.
const FLASH_MS: u64 = 1_600;

/// The state of drawing one room's conversation. Holds nothing that cannot be rebuilt.
#[derive(Debug)]
pub struct TimelineView {
    rows: Vec<Row>,
    tops: Vec<f32>,
    /// How tall each row is, measured or guessed.
    talls: Vec<f32>,
    places: HashMap<RowKey, usize>,
    total: f32,
    heights: HashMap<RowKey, (u32, f32)>,
    built: Option<(u64, Option<Order>, bool)>,
    measured_for: Option<(f32, f32)>,
    offset: f32,
    at_end: bool,
    anchor: Option<(RowKey, f32)>,
    seek: Option<EntryId>,
    flash: Option<(EntryId, u64)>,
    nudge: f32,
}

impl Default for TimelineView {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            tops: Vec::new(),
            talls: Vec::new(),
            places: HashMap::new(),
            total: 0.0,
            heights: HashMap::new(),
            built: None,
            measured_for: None,
            offset: 0.0,
            at_end: true,
            anchor: None,
            seek: None,
            flash: None,
            nudge: 0.0,
        }
    }
}

impl TimelineView {
    /// Whether the newest message is in sight.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// Goes to the newest message.
    pub fn jump_to_end(&mut self) {
        self.at_end = true;
        self.anchor = None;
    }

    /// Goes to a loaded message and shows which one it is.
    pub fn jump_to(&mut self, message: EntryId) {
        self.seek = Some(message);
    }

    /// Moves by a number of screens.
    pub fn turn_pages(&mut self, screens: f32) {
        self.nudge += screens;
    }

    /// Rows that exist, for tests.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// How far it is scrolled, for tests.
    #[must_use]
    pub fn offset(&self) -> f32 {
        self.offset
    }

    /// Draws the conversation and says what the person wants.
    pub fn show(&mut self, ui: &mut Ui, chat: &Chat, sight: &Sight) -> Vec<Action> {
        let mut actions = Vec::new();
        let view = ui.available_size();
        let column = view.x.min(width::COLUMN) - space::L * 2.0;
        self.rebuild(ui, chat, sight, column);
        self.place(ui, chat, column, view.y);
        if self.nudge != 0.0 {
            self.offset =
                (self.offset + std::mem::take(&mut self.nudge) * view.y).clamp(0.0, (self.total - view.y).max(0.0));
            self.at_end = self.offset >= (self.total - view.y).max(0.0) - AT_END;
            self.hold(view.y);
            self.place(ui, chat, column, view.y);
        }

        let side = ((view.x - column) / 2.0).max(space::L);
        let mut area = ScrollArea::vertical().auto_shrink([false, false]).id_salt("conversation").animated(false);
        area = area.vertical_scroll_offset(self.offset);
        let shown = area.show_viewport(ui, |ui, viewport| {
            ui.set_height(self.total);
            // A short conversation stands at the composer, where the next message comes.
            let origin = ui.max_rect().min + vec2(0.0, (view.y - self.total).max(0.0));
            let range = self.in_sight(viewport.top(), viewport.bottom());
            for index in range {
                let (Some(row), Some(top)) = (self.rows.get(index), self.tops.get(index)) else { continue };
                let tall = self.height(row, column);
                let rect = Rect::from_min_size(pos2(origin.x + side, origin.y + top), vec2(column, tall));
                let salt = row.key();
                let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(salt));
                let place = Place { rect, chat, sight, lit: self.lit(row, sight.now_ms) };
                actions.extend(bubble::show(&mut child, row, &place));
            }
        });
        self.settle(shown.state.offset.y, view.y, sight.now_ms);
        if let Some(left) = self.flash.and_then(|(_, until)| until.checked_sub(sight.now_ms)).filter(|left| *left > 0) {
            ui.ctx().request_repaint_after(std::time::Duration::from_millis(left + 20));
        }
        if self.offset < view.y * NEAR_TOP && chat.timeline.wants_older() {
            actions.push(Action::LoadOlder);
        }
        if !self.at_end {
            self.end_button(ui, shown.inner_rect, chat);
        }
        actions
    }

    fn lit(&self, row: &Row, now_ms: u64) -> bool {
        match row {
            Row::Message { message, .. } => self.flash.is_some_and(|(id, until)| id == message.id && until > now_ms),
            _ => false,
        }
    }

    /// Rows and heights that are out of date are made again; what was in sight stays known by key.
    fn rebuild(&mut self, ui: &Ui, chat: &Chat, sight: &Sight, column: f32) {
        let scale = ui.ctx().pixels_per_point();
        if self.measured_for != Some((column, scale)) {
            self.heights.clear();
            self.measured_for = Some((column, scale));
            self.retop(column);
        }
        let wanted = (chat.timeline.revision(), chat.marker, chat.timeline.is_complete());
        if self.built != Some(wanted) {
            self.rows = rows::build(&chat.timeline, chat.marker, &sight.zone);
            self.places = self.rows.iter().enumerate().map(|(at, row)| (row.key(), at)).collect();
            self.built = Some(wanted);
            self.retop(column);
        }
    }

    fn height(&self, row: &Row, column: f32) -> f32 {
        match self.heights.get(&row.key()) {
            Some((stamp, height)) if *stamp == row.stamp() => *height,
            _ => row.guess(column.min(width::BUBBLE)),
        }
    }

    fn is_measured(&self, row: &Row) -> bool {
        self.heights.get(&row.key()).is_some_and(|(stamp, _)| *stamp == row.stamp())
    }

    fn retop(&mut self, column: f32) {
        self.talls = self.rows.iter().map(|row| self.height(row, column)).collect();
        self.tops = vec![space::S; self.rows.len()];
        self.total = space::S * 2.0;
        self.stack(0);
    }

    /// Puts the rows below each other from this one on. Done in every frame that brings new rows into
    /// sight, so it only adds: looking up the heights of all rows would take longer than the frame.
    fn stack(&mut self, from: usize) {
        let Some(mut top) = self.tops.get(from).copied() else { return };
        for (place, tall) in self.tops.iter_mut().zip(&self.talls).skip(from) {
            *place = top;
            top += tall;
        }
        self.total = top + space::S;
    }

    /// Rows between two heights.
    fn in_sight(&self, from: f32, to: f32) -> std::ops::Range<usize> {
        let first = self.tops.partition_point(|top| *top <= from).saturating_sub(1);
        let end = self.tops.partition_point(|top| *top < to);
        first..end.max(first)
    }

    /// Finds the offset for this frame and measures the rows that it brings into sight. A newly
    /// measured row moves others, so this repeats until nothing moves; rows in sight are few.
    fn place(&mut self, ui: &Ui, chat: &Chat, column: f32, tall: f32) {
        for _ in 0..8 {
            self.offset = self.wanted_offset(tall);
            let mut moved = None;
            for index in self.in_sight(self.offset, self.offset + tall) {
                let Some(row) = self.rows.get(index) else { continue };
                if !self.is_measured(row) {
                    let height = bubble::measure(ui, row, chat, column);
                    self.heights.insert(row.key(), (row.stamp(), height));
                    if let Some(tall) = self.talls.get_mut(index) {
                        *tall = height;
                    }
                    moved = moved.or(Some(index));
                }
            }
            let Some(first) = moved else { break };
            self.stack(first);
        }
        self.offset = self.wanted_offset(tall);
    }

    fn wanted_offset(&mut self, tall: f32) -> f32 {
        let end = (self.total - tall).max(0.0);
        if let Some(top) = self.seek.and_then(|id| self.top_of_message(id)) {
            self.at_end = false;
            return (top - tall / 3.0).clamp(0.0, end);
        }
        if self.at_end {
            return end;
        }
        match self.anchor.and_then(|(key, within)| self.top_of(key).map(|top| top - within)) {
            Some(offset) => offset.clamp(0.0, end),
            None => self.offset.clamp(0.0, end),
        }
    }

    fn top_of(&self, key: RowKey) -> Option<f32> {
        self.tops.get(*self.places.get(&key)?).copied()
    }

    fn top_of_message(&self, id: EntryId) -> Option<f32> {
        let fits = |row: &Row| matches!(row, Row::System(message) | Row::Message { message, .. } if message.id == id);
        self.rows.iter().position(fits).and_then(|at| self.tops.get(at)).copied()
    }

    /// Remembers where the person is now: at the end, or with which row on top.
    fn settle(&mut self, offset: f32, tall: f32, now_ms: u64) {
        if let Some(id) = self.seek.take() {
            self.flash = Some((id, now_ms.saturating_add(FLASH_MS)));
        }
        let end = (self.total - tall).max(0.0);
        if offset < self.offset - 0.25 {
            self.at_end = false;
        } else if offset > self.offset + 0.25 {
            self.at_end = offset >= end - AT_END;
        } else {
            self.at_end |= offset >= end - 0.5;
        }
        self.offset = offset;
        self.hold(tall);
    }

    /// Remembers the row that keeps its place when others change.
    fn hold(&mut self, tall: f32) {
        let offset = self.offset;
        let mut sight = self.in_sight(offset, offset + tall);
        let start = sight.start;
        // A row that was never measured may still change its height, so it cannot hold the view.
        let held = sight.find(|index| self.rows.get(*index).is_some_and(|row| self.is_measured(row))).unwrap_or(start);
        self.anchor = self.rows.get(held).zip(self.tops.get(held)).map(|(row, top)| (row.key(), top - offset));
    }

    fn end_button(&mut self, ui: &mut Ui, inner: Rect, chat: &Chat) {
        let palette = theme::palette(ui.visuals());
        let fresh = chat.marker.is_some();
        let text = if fresh { "New messages" } else { "" };
        let galley = ui.painter().layout_no_wrap(text.to_owned(), theme::font(size::SMALL), palette.on_accent);
        let wide = if fresh { galley.size().x + 48.0 } else { 40.0 };
        let rect = Rect::from_min_size(inner.max - vec2(wide + 20.0, 56.0), vec2(wide, 40.0));
        let response = ui.interact(rect, ui.id().with("to the newest"), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, "Jump to newest"));
        let (fill, on) = if fresh { (palette.accent, palette.on_accent) } else { (palette.raised, palette.soft) };
        let fill = if response.hovered() && !fresh { palette.hover } else { fill };
        let shadow = egui::Shadow { offset: [0, 2], blur: 10, spread: 0, color: egui::Color32::from_black_alpha(50) };
        ui.painter().add(shadow.as_shape(rect, CornerRadius::same(20)));
        ui.painter().rect(
            rect,
            CornerRadius::same(20),
            fill,
            egui::Stroke::new(1.0, palette.line),
            egui::StrokeKind::Inside,
        );
        let icon = Rect::from_center_size(pos2(rect.left() + 20.0, rect.center().y), Vec2::splat(18.0));
        Icon::Down.paint(ui.painter(), icon, on);
        ui.painter().galley(pos2(rect.left() + 36.0, rect.center().y - galley.size().y / 2.0), galley, on);
        if response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text("Jump to newest (End)").clicked() {
            self.jump_to_end();
            ui.ctx().request_repaint();
        }
    }
}

//! How one row looks. `measure` and `show` use the same layout, so heights always agree.

use egui::{
    Align2, CornerRadius, Galley, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, WidgetType, pos2, vec2,
};
use parlor_node::{Delivery, Message, MessageBody};
use std::sync::Arc;

use super::{menu, rows::Row};
use crate::{
    model::Chat,
    theme::{self, Palette, radius, size, space, width},
    view::{Action, Sight},
    widgets::{Icon, Rich, avatar, rich_galley, rich_text},
    words,
};

const PAD: Vec2 = vec2(12.0, 8.0);
const GUTTER: f32 = 44.0;
const QUOTE: f32 = 42.0;
const CHIP: f32 = 26.0;
/// Characters of a message that screen readers say at once.
const SAID_CHARS: usize = 300;

/// Where a row is drawn.
pub(super) struct Place<'a> {
    pub(super) rect: Rect,
    pub(super) chat: &'a Chat,
    pub(super) sight: &'a Sight,
    pub(super) lit: bool,
}

/// The parts of a message, relative to the row's top left corner.
struct Laid {
    height: f32,
    bubble: Rect,
    text: Pos2,
    rich: Rich,
    quote: Option<Rect>,
    meta: Rect,
    chips: Vec<(Rect, usize, Arc<Galley>)>,
}

/// The height of a row.
pub(super) fn measure(ui: &Ui, row: &Row, _chat: &Chat, column: f32) -> f32 {
    match row {
        Row::Message { message, first, .. } => lay_out(ui, message, *first, column).height,
        Row::System(message) => system_galley(ui, message, column).size().y + 20.0,
        Row::Top { .. } => 64.0,
        Row::Day(..) => 44.0,
        Row::New => 36.0,
    }
}

/// Draws a row.
pub(super) fn show(ui: &mut Ui, row: &Row, place: &Place<'_>) -> Vec<Action> {
    let palette = theme::palette(ui.visuals());
    match row {
        Row::Top { complete } => top(ui, *complete, place, palette),
        Row::Day(date, _) => {
            let today = words::local(place.sight.now_ms, &place.sight.zone).date();
            line(ui, &words::day(*date, today), place.rect, palette.faint, palette.line);
        }
        Row::New => line(ui, "New messages", place.rect, palette.accent, palette.accent.gamma_multiply(0.5)),
        Row::System(message) => {
            let galley = system_galley(ui, message, place.rect.width());
            let at = place.rect.center() - galley.size() / 2.0;
            let response = ui.interact(place.rect, ui.id().with("line"), Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(WidgetType::Label, true, galley.text()));
            let careful = message.warning.is_some();
            if careful {
                let ground = Rect::from_center_size(place.rect.center(), galley.size() + vec2(24.0, 12.0));
                ui.painter().rect_filled(ground, CornerRadius::same(radius::S), palette.warn_ground);
            }
            ui.painter().galley_with_override_text_color(
                at,
                galley,
                if careful { palette.text } else { palette.faint },
            );
        }
        Row::Message { message, first, last, .. } => return message_row(ui, message, (*first, *last), place, palette),
    }
    Vec::new()
}

fn top(ui: &Ui, complete: bool, place: &Place<'_>, palette: &Palette) {
    let text = if complete { "This is where the room begins" } else { "Reading older messages" };
    let response = ui.interact(place.rect, ui.id().with("top"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Label, true, text));
    ui.painter().text(place.rect.center(), Align2::CENTER_CENTER, text, theme::font(size::SMALL), palette.faint);
}

fn line(ui: &Ui, text: &str, rect: Rect, color: egui::Color32, stroke: egui::Color32) {
    let response = ui.interact(rect, ui.id().with("line"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Label, true, text));
    let galley = ui.painter().layout_no_wrap(text.to_owned(), theme::font(size::SMALL), color);
    let half = galley.size().x / 2.0 + space::M;
    let (mid, y) = (rect.center().x, rect.center().y);
    let pen = Stroke::new(1.0, stroke);
    ui.painter().hline(rect.left()..=mid - half, y, pen);
    ui.painter().hline(mid + half..=rect.right(), y, pen);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, color);
}

fn system_galley(ui: &Ui, message: &Message, wide: f32) -> Arc<Galley> {
    let palette = theme::palette(ui.visuals());
    ui.painter().layout(words::system_line(message), theme::font(size::SMALL), palette.faint, wide)
}

fn text_of(message: &Message) -> &str {
    match &message.body {
        _ if message.hidden => words::HIDDEN,
        MessageBody::Text { text } => text,
        _ => "Message deleted",
    }
}

/// One to three pictures and nothing else are shown large.
fn is_emoji_only(text: &str) -> bool {
    let picture = |c: char| matches!(u32::from(c), 0x2190..=0x2bff | 0x3000..=0x303f | 0x1f000..=0x1faff);
    let joiner = |c: char| matches!(u32::from(c), 0xfe0f | 0x200d | 0x1f3fb..=0x1f3ff);
    text.chars().count() <= 8
        && text.chars().all(|c| picture(c) || joiner(c))
        && (1..=3).contains(&text.chars().filter(|c| picture(*c) && !joiner(*c)).count())
}

fn lay_out(ui: &Ui, message: &Message, first: bool, column: f32) -> Laid {
    let palette = theme::palette(ui.visuals());
    let others = !message.own;
    let left = if others { GUTTER } else { 0.0 };
    let widest = (column - GUTTER).clamp(120.0, width::BUBBLE);
    let inner = widest - PAD.x * 2.0;
    let text = text_of(message);
    let deleted = message.body == MessageBody::Deleted || message.hidden;
    let font = theme::font(if is_emoji_only(text) { 34.0 } else { size::BODY });
    let color = match (deleted, others) {
        (true, true) => palette.faint,
        (true, false) => palette.on_own_soft,
        (false, true) => palette.text,
        (false, false) => palette.on_own,
    };
    let rich = rich_galley(ui, text, &font, color, palette.link, inner);
    let lines = rich.galley.size();
    let meta = vec2(meta_width(message), 16.0);
    let last = rich.galley.rows.last().map_or(0.0, |row| row.rect().width());
    let beside = last + space::M + meta.x <= inner;
    let mut wide = if beside { lines.x.max(last + space::M + meta.x) } else { lines.x.max(meta.x) };
    let mut tall = lines.y + if beside { 0.0 } else { meta.y + 2.0 };
    if message.reply_to.is_some() && !deleted {
        wide = wide.max(inner.min(240.0));
        tall += QUOTE + 6.0;
    }
    let top = if first { 14.0 } else { 3.0 } + if first && others { 20.0 } else { 0.0 };
    let size = vec2(wide, tall) + PAD * 2.0;
    let x = if others { left } else { column - size.x };
    let bubble = Rect::from_min_size(pos2(x, top), size);
    let quote = (message.reply_to.is_some() && !deleted)
        .then(|| Rect::from_min_size(bubble.min + PAD, vec2(size.x - PAD.x * 2.0, QUOTE)));
    let text = pos2(bubble.left() + PAD.x, quote.map_or(bubble.top() + PAD.y, |quote| quote.bottom() + 6.0));
    let meta = Rect::from_min_size(bubble.max - PAD - meta + vec2(0.0, 2.0), meta);
    let chips = lay_chips(ui, message, bubble, column);
    let bottom = chips.iter().map(|(rect, ..)| rect.bottom() + 4.0).fold(bubble.bottom(), f32::max);
    Laid { height: bottom + 1.0, bubble, text, rich, quote, meta, chips }
}

fn lay_chips(ui: &Ui, message: &Message, bubble: Rect, column: f32) -> Vec<(Rect, usize, Arc<Galley>)> {
    let palette = theme::palette(ui.visuals());
    let galleys: Vec<_> = message
        .reactions
        .iter()
        .enumerate()
        .filter(|(_, reaction)| !reaction.by.is_empty())
        .map(|(index, reaction)| {
            let text = format!("{} {}", reaction.emoji, reaction.by.len());
            (index, ui.painter().layout_no_wrap(text, theme::font(size::SMALL), palette.text))
        })
        .collect();
    let total: f32 = galleys.iter().map(|(_, galley)| galley.size().x + 20.0 + space::XS).sum();
    let room = if message.own { column - GUTTER } else { column - bubble.left() };
    let start = if message.own { (bubble.right() - total).max(column - room) } else { bubble.left() };
    let mut at = pos2(start, bubble.bottom() + 3.0);
    let mut chips = Vec::with_capacity(galleys.len());
    for (index, galley) in galleys {
        let wide = galley.size().x + 20.0;
        if at.x + wide > column && at.x > start {
            at = pos2(start, at.y + CHIP + space::XS);
        }
        chips.push((Rect::from_min_size(at, vec2(wide, CHIP)), index, galley));
        at.x += wide + space::XS;
    }
    chips
}

fn meta_width(message: &Message) -> f32 {
    let edited = if message.edited { 40.0 } else { 0.0 };
    let clock = 34.0;
    if !message.own {
        return clock + edited;
    }
    let counts = if delivery_counts(&message.delivery).is_some() { 32.0 } else { 0.0 };
    let archived = if message.delivery.archived { 18.0 } else { 0.0 };
    clock + edited + counts + archived + 18.0
}

fn delivery_counts(delivery: &Delivery) -> Option<String> {
    (delivery.reached > 0 && delivery.reached < delivery.of).then(|| format!("{}/{}", delivery.reached, delivery.of))
}

fn message_row(
    ui: &mut Ui,
    message: &Arc<Message>,
    (first, last): (bool, bool),
    place: &Place<'_>,
    palette: &Palette,
) -> Vec<Action> {
    let mut actions = Vec::new();
    let laid = lay_out(ui, message, first, place.rect.width());
    let move_by = place.rect.min.to_vec2();
    let bubble = laid.bubble.translate(move_by);
    let clock = words::clock(message.at, &place.sight.zone);

    let response = ui.interact(bubble, ui.id().with("bubble"), Sense::click());
    response.widget_info(|| {
        let who = if message.own { "your message" } else { "message" };
        let by = if message.own { String::new() } else { format!(" of {}", message.author_name) };
        WidgetInfo::labeled(WidgetType::Button, true, format!("Actions for {who}{by} at {clock}"))
    });
    // Whoever goes from message to message hears what they say.
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(words::one_line(message, SAID_CHARS)));
    if first && !message.own {
        actions.extend(head(ui, message, place.rect, bubble, palette));
    }
    let tail = if last { 4 } else { radius::L };
    let corner = CornerRadius {
        sw: if message.own { radius::L } else { tail },
        se: if message.own { tail } else { radius::L },
        ..CornerRadius::same(radius::L)
    };
    let (fill, edge) = if message.own { (palette.own, palette.own) } else { (palette.raised, palette.line) };
    let edge =
        if place.lit || response.has_focus() { Stroke::new(2.0, palette.accent) } else { Stroke::new(1.0, edge) };
    ui.painter().rect(bubble, corner, fill, edge, StrokeKind::Inside);

    if let Some((rect, id)) = laid.quote.zip(message.reply_to)
        && quote(ui, place.chat, id, rect.translate(move_by), palette)
    {
        actions.push(Action::ShowMessage(message.room, id));
    }
    let color = if message.own { palette.on_own } else { palette.text };
    let (text, link) = rich_text(ui, ui.id().with("text"), laid.text + move_by, &laid.rich, color);
    if let Some(url) = link {
        actions.push(Action::OpenLink(url));
    }
    meta(ui, message, laid.meta.translate(move_by), &clock, place.sight, palette);
    for (rect, index, galley) in laid.chips {
        let Some(reaction) = message.reactions.get(index) else { continue };
        actions.extend(menu::chip(ui, message, reaction, place.chat, rect.translate(move_by), galley));
    }
    if message.hidden {
        return actions;
    }
    actions.extend(menu::context_menu(&response.union(text), message, place.chat));
    actions.extend(menu::beside(ui, message, bubble, place.rect));
    actions
}

/// Who wrote it; a click shows who that is.
fn head(ui: &Ui, message: &Message, row: Rect, bubble: Rect, palette: &Palette) -> Option<Action> {
    let face = Rect::from_min_size(pos2(row.left(), bubble.top() - 18.0), Vec2::splat(34.0));
    avatar(ui.painter(), face, message.author.as_bytes(), &message.author_name, false);
    let color = theme::author(message.author.as_bytes(), ui.visuals().dark_mode);
    let name = words::shorten(&message.author_name, 48);
    let at = pos2(bubble.left() + 2.0, bubble.top() - 4.0);
    let written = ui.painter().text(at, Align2::LEFT_BOTTOM, name, theme::font(size::SMALL), color);
    let mut right = written.right();
    let mut mark = |icon: Icon, color| {
        let rect = Rect::from_center_size(pos2(right + 11.0, written.center().y), Vec2::splat(14.0));
        icon.paint(ui.painter(), rect, color);
        right += 18.0;
    };
    if message.verified {
        mark(Icon::Shield, palette.good);
    }
    if message.warning.is_some() {
        mark(Icon::Alert, palette.warn);
    }
    let user = message.user?;
    let area = face.union(Rect::from_min_max(written.min, pos2(right, written.bottom())));
    let response = ui.interact(area, ui.id().with("author"), Sense::click());
    let verified = if message.verified { ", verified" } else { "" };
    let named = format!("Who is {}{verified}", message.author_name);
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, &named));
    let tip = message.warning.as_ref().map(|careful| words::warning(&message.author_name, careful));
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    let response = if let Some(tip) = tip { response.on_hover_text(tip) } else { response };
    response.clicked().then_some(Action::OpenPerson(user))
}

fn quote(ui: &Ui, chat: &Chat, id: parlor_protocol::EntryId, rect: Rect, palette: &Palette) -> bool {
    let found = chat.timeline.find(id);
    let (name, text, color) = match found {
        Some(message) => {
            let name = if message.own { "You".to_owned() } else { words::shorten(&message.author_name, 40) };
            (name, words::one_line(message, 90), theme::author(message.author.as_bytes(), ui.visuals().dark_mode))
        }
        None => ("An earlier message".to_owned(), "Click to go there".to_owned(), palette.soft),
    };
    let response = ui.interact(rect, ui.id().with("quote"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, format!("Answer to {name}: {text}")));
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    painter.rect_filled(
        rect,
        CornerRadius::same(6),
        palette.ground.gamma_multiply(if response.hovered() { 0.8 } else { 0.55 }),
    );
    painter.rect_filled(Rect::from_min_size(rect.min, vec2(3.0, rect.height())), CornerRadius::same(2), color);
    painter.text(rect.min + vec2(11.0, 5.0), Align2::LEFT_TOP, name, theme::font(size::TINY + 0.5), color);
    painter.text(rect.min + vec2(11.0, 21.0), Align2::LEFT_TOP, text, theme::font(size::SMALL), palette.soft);
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}

fn meta(ui: &Ui, message: &Message, rect: Rect, clock: &str, sight: &Sight, palette: &Palette) {
    let color = if message.own { palette.on_own_soft } else { palette.faint };
    let font = theme::font(size::TINY);
    let mut x = rect.right();
    let y = rect.center().y;
    let mut icon = |icon: Icon, color| {
        icon.paint(ui.painter(), Rect::from_center_size(pos2(x - 7.0, y), Vec2::splat(14.0)), color);
        x -= 17.0;
    };
    let mut label = String::new();
    if message.own {
        let delivery = &message.delivery;
        label = words::delivery(delivery);
        if delivery.archived {
            icon(Icon::Box, color);
        }
        match delivery {
            Delivery { stored: false, .. } => icon(Icon::Clock, color),
            Delivery { reached: 0, archived: false, of, .. } if *of > 0 => icon(Icon::Clock, color),
            Delivery { reached, of, .. } if reached >= of && *of > 0 => icon(Icon::Checks, palette.on_own),
            _ => icon(Icon::Check, color),
        }
        if let Some(counts) = delivery_counts(delivery) {
            ui.painter().text(pos2(x, y), Align2::RIGHT_CENTER, counts, font.clone(), color);
            x -= 30.0;
        }
    }
    ui.painter().text(pos2(x, y), Align2::RIGHT_CENTER, clock, font.clone(), color);
    if message.edited {
        ui.painter().text(pos2(x - 34.0, y), Align2::RIGHT_CENTER, "edited", font, color);
    }
    let response = ui.interact(rect, ui.id().with("meta"), Sense::hover());
    let edited = if message.edited { "edited, " } else { "" };
    let named = if label.is_empty() { format!("{edited}{clock}") } else { format!("{edited}{clock}, {label}") };
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Label, true, &named));
    response.on_hover_ui(|ui| {
        ui.label(words::full_time(message.at, &sight.zone));
        if message.own {
            ui.label(&label);
            ui.label(egui::RichText::new(words::delivery_meaning(&message.delivery)).small().color(palette.soft));
        }
    });
}

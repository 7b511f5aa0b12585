//! What is on the screen, as browsers tell it to screen readers: parts with a role, a name and a place,
//! from the tree that egui makes for [AccessKit](https://docs.rs/accesskit). The roles are those of
//! [WAI-ARIA 1.2](https://www.w3.org/TR/wai-aria-1.2/#role_definitions).

use egui::accesskit::{Action, Node, NodeId, Role, Toggled, TreeUpdate};
use std::collections::{HashMap, HashSet};

/// Parts shown at most; no screen has as many.
pub(crate) const PARTS_MAX: usize = 2_000;
/// Lines that say themselves at most.
const NEWS_MAX: usize = 20;
/// Containers in each other at most.
const DEPTH_MAX: usize = 100;

/// One thing on the screen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// The same as long as it is on the screen.
    pub(crate) id: u64,
    /// Its ARIA role; none for plain text.
    pub(crate) role: Option<&'static str>,
    /// What it is called, or what it says.
    pub(crate) name: String,
    /// More about it.
    pub(crate) detail: Option<String>,
    /// What is written in a field. Never of a password.
    pub(crate) written: Option<String>,
    /// What a field is for, while it is empty.
    pub(crate) hint: Option<String>,
    /// An ARIA attribute for being on or off, and which.
    pub(crate) on: Option<(&'static str, &'static str)>,
    /// Whether it does nothing now.
    pub(crate) is_disabled: bool,
    /// Whether it can be pressed.
    pub(crate) is_pressed: bool,
    /// Left, top, width and height, in egui's points.
    pub(crate) area: [f64; 4],
}

/// All that is on the screen.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// In the order in which they are read.
    pub(crate) parts: Vec<Part>,
    /// The one that has the keyboard.
    pub(crate) focus: Option<u64>,
    /// What is to be said without being asked for, and the parts that say it.
    pub(crate) news: Vec<(u64, String)>,
}

/// What a frame shows. Behind a dialog nothing counts.
pub(crate) fn shown(update: &TreeUpdate) -> Shown {
    let nodes: HashMap<NodeId, &Node> = update.nodes.iter().map(|(id, node)| (*id, node)).collect();
    let mut shown = Shown::default();
    let Some(tree) = &update.tree else { return shown };
    let mut seen = HashSet::new();
    // From the last to the first, so that the first is taken out next.
    let mut waiting = vec![(tree.root, 0)];
    while let Some((id, depth)) = waiting.pop() {
        let Some(node) = nodes.get(&id) else { continue };
        if !seen.insert(id) {
            continue;
        }
        if node.is_modal() {
            shown.parts.clear();
        }
        if depth < DEPTH_MAX {
            waiting.extend(node.children().iter().rev().map(|child| (*child, depth + 1)));
        }
        if node.live().is_some()
            && let Some(text) = node.value().or_else(|| node.label())
            && shown.news.len() < NEWS_MAX
        {
            shown.news.push((id.0, text.to_owned()));
        }
        if let Some(part) = part(id, node, &nodes)
            && shown.parts.len() < PARTS_MAX
        {
            shown.parts.push(part);
        }
    }
    shown.focus = Some(update.focus.0).filter(|focus| shown.parts.iter().any(|part| part.id == *focus));
    shown
}

fn part(id: NodeId, node: &Node, nodes: &HashMap<NodeId, &Node>) -> Option<Part> {
    let role = role(node.role())?;
    let is_field = role == "textbox";
    let says = |id: &NodeId| nodes.get(id).and_then(|node| node.label().or_else(|| node.value()));
    let mut name = node.label().map(str::to_owned).unwrap_or_default();
    if name.is_empty() {
        name = node.labelled_by().iter().filter_map(says).collect::<Vec<_>>().join(" ");
    }
    if name.is_empty() && !is_field {
        name = node.value().unwrap_or_default().to_owned();
    }
    // What has no name is a place to drag or scroll at.
    if name.is_empty() && !is_field {
        return None;
    }
    let value = node.value().filter(|_| is_field && node.role() != Role::PasswordInput);
    // Text takes clicks too, to be copied.
    let is_read = matches!(role, "" | "heading" | "img" | "progressbar");
    let bounds = node.bounds().unwrap_or_default();
    Some(Part {
        id: id.0,
        role: Some(role).filter(|role| !role.is_empty()),
        name,
        detail: node.description().map(str::to_owned),
        written: value.map(str::to_owned),
        hint: node.placeholder().filter(|_| is_field).map(str::to_owned),
        on: node.toggled().map(|toggled| (state_of(role), in_words(toggled))),
        is_disabled: node.is_disabled(),
        is_pressed: !is_read && (node.supports_action(Action::Click) || node.supports_action(Action::Focus)),
        area: [bounds.x0, bounds.y0, bounds.width(), bounds.height()],
    })
}

/// The ARIA role; an empty one for plain text, none for what only holds others.
fn role(role: Role) -> Option<&'static str> {
    Some(match role {
        Role::Label => "",
        Role::Heading => "heading",
        Role::Button | Role::ColorWell => "button",
        Role::Link => "link",
        Role::CheckBox => "checkbox",
        Role::RadioButton => "radio",
        Role::ComboBox => "combobox",
        Role::Image => "img",
        Role::ProgressIndicator => "progressbar",
        Role::Slider | Role::SpinButton => "slider",
        Role::TextInput | Role::MultilineTextInput | Role::PasswordInput => "textbox",
        _ => return None,
    })
}

/// The attribute that says whether something with this role is on.
fn state_of(role: &str) -> &'static str {
    match role {
        "checkbox" | "radio" => "aria-checked",
        _ => "aria-pressed",
    }
}

fn in_words(toggled: Toggled) -> &'static str {
    match toggled {
        Toggled::True => "true",
        Toggled::False => "false",
        Toggled::Mixed => "mixed",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use egui::{Context, RawInput, TextEdit};

    fn drawn(mut draw: impl FnMut(&mut egui::Ui)) -> Shown {
        let ctx = Context::default();
        ctx.enable_accesskit();
        let frame = |draw: &mut dyn FnMut(&mut egui::Ui)| ctx.run_ui(RawInput::default(), |ui| draw(ui));
        frame(&mut draw);
        let output = frame(&mut draw);
        shown(&output.platform_output.accesskit_update.unwrap())
    }

    #[test]
    fn what_is_drawn_is_told_in_order_with_names_and_states() {
        let shown = drawn(|ui| {
            ui.label("Who are you?");
            let name = ui.add(TextEdit::singleline(&mut "Anna".to_owned()).hint_text("Your name"));
            crate::widgets::name_it(ui, &name, "Your name");
            ui.add_enabled(false, egui::Button::new("Go on"));
            ui.checkbox(&mut true, "Tell me");
        });
        let told: Vec<_> = shown.parts.iter().map(|part| (part.role, part.name.as_str())).collect();
        assert_eq!(
            told,
            [
                (None, "Who are you?"),
                (Some("textbox"), "Your name"),
                (Some("button"), "Go on"),
                (Some("checkbox"), "Tell me"),
            ]
        );
        assert_eq!(shown.parts[1].written.as_deref(), Some("Anna"));
        assert!(shown.parts[2].is_disabled && !shown.parts[1].is_disabled);
        assert!(shown.parts[3].is_pressed && !shown.parts[0].is_pressed);
        assert_eq!(shown.parts[3].on, Some(("aria-checked", "true")));
    }

    #[test]
    fn a_password_is_not_told() {
        let shown = drawn(|ui| {
            ui.add(TextEdit::singleline(&mut "bread".to_owned()).password(true));
        });
        assert_eq!(shown.parts.len(), 1);
        assert_eq!(shown.parts[0].written, None);
        assert!(!format!("{shown:?}").contains("bread"));
    }

    #[test]
    fn behind_a_dialog_nothing_is_told() {
        let shown = drawn(|ui| {
            let _ = ui.button("Behind");
            crate::widgets::dialog(ui.ctx(), "Really?", |ui| {
                let _ = ui.button("Yes");
            });
        });
        let told: Vec<_> = shown.parts.iter().map(|part| (part.role, part.name.as_str())).collect();
        assert_eq!(told, [(Some("heading"), "Really?"), (Some("button"), "Close"), (Some("button"), "Yes")]);
    }
}

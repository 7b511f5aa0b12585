//! For screen readers, to which a canvas is a picture: what it shows, once more as elements of the page.
//! They lie where the same things are drawn, cannot be seen, and let fingers and the mouse through. The
//! keyboard stays the canvas's, which names the part that has it (`aria-activedescendant`).

use egui::{
    Context, FullOutput,
    accesskit::{Action, ActionRequest, NodeId, TreeId, TreeUpdate},
};
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{Document, Element, Event, HtmlElement};

use super::page;
use crate::spoken::{self, Part, Shown};

/// What holds the elements. `gui/web/index.html` has it, and what says the news.
const HOLDER: &str = "parts";
const NEWS: &str = "news";
/// The elements are brought up to date this often at most, in milliseconds: scrolling changes all of them.
const PAUSE_MS: i32 = 100;
/// Wishes that wait for a frame at most.
const WISHES_MAX: usize = 32;

/// Takes egui's tree of what it drew.
struct Tap(Arc<Mutex<Option<TreeUpdate>>>);

impl egui::Plugin for Tap {
    fn debug_name(&self) -> &'static str {
        "screen reader"
    }

    fn output_hook(&mut self, _: &Context, output: &mut FullOutput) {
        if let Some(drawn) = output.platform_output.accesskit_update.take() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(drawn);
        }
    }
}

/// Tells screen readers what is drawn, and the app what they want.
pub(super) struct Reader {
    drawn: Arc<Mutex<Option<TreeUpdate>>>,
    told: Option<Rc<RefCell<Told>>>,
    is_due: Rc<Cell<bool>>,
    wishes: Rc<RefCell<VecDeque<ActionRequest>>>,
}

impl Reader {
    /// Begins, for as long as the page is there.
    pub(super) fn new(ctx: &Context) -> Self {
        let drawn = Arc::new(Mutex::new(None));
        let wishes = Rc::<RefCell<VecDeque<ActionRequest>>>::default();
        let told = Told::new();
        if let Some(told) = &told {
            ctx.enable_accesskit();
            ctx.add_plugin(Tap(Arc::clone(&drawn)));
            listen(ctx, &told.holder, &wishes);
        }
        Self { drawn, told: told.map(|told| Rc::new(RefCell::new(told))), is_due: Rc::default(), wishes }
    }

    /// What they want, for egui.
    pub(super) fn wishes(&self) -> Vec<egui::Event> {
        self.wishes.borrow_mut().drain(..).map(egui::Event::AccessKitActionRequest).collect()
    }

    /// Tells what is being drawn, once it is; called in each frame.
    pub(super) fn tell(&self, ctx: &Context) {
        let Some(told) = self.told.clone().filter(|_| !self.is_due.replace(true)) else { return };
        let (drawn, is_due, zoom) = (Arc::clone(&self.drawn), Rc::clone(&self.is_due), ctx.zoom_factor());
        let began = page_time();
        let rest = told.borrow().at + f64::from(PAUSE_MS) - began;
        wasm_bindgen_futures::spawn_local(async move {
            // Without a rest it runs as soon as this frame is through.
            if rest > 0.0 {
                #[allow(clippy::cast_possible_truncation, reason = "no longer than the pause")]
                page::pause(rest.ceil() as i32).await;
            }
            is_due.set(false);
            let drawn = drawn.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(drawn) = drawn {
                told.borrow_mut().tell(spoken::shown(&drawn), f64::from(zoom));
            }
        });
    }
}

/// Since the page was opened, in milliseconds.
fn page_time() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |clock| clock.now())
}

/// A screen reader presses an element, or goes to it.
fn listen(ctx: &Context, holder: &HtmlElement, wishes: &Rc<RefCell<VecDeque<ActionRequest>>>) {
    let (ctx, wishes) = (ctx.clone(), Rc::clone(wishes));
    let asked = Closure::<dyn Fn(Event)>::new(move |event: Event| {
        let Some(element) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
        let Ok(id) = element.id().trim_start_matches('p').parse() else { return };
        let is_field = element.get_attribute("role").as_deref() == Some("textbox");
        let action = if is_field || event.type_() == "focusin" { Action::Focus } else { Action::Click };
        let mut wishes = wishes.borrow_mut();
        if wishes.len() < WISHES_MAX {
            let target_node = NodeId(id);
            wishes.push_back(ActionRequest { action, target_tree: TreeId::ROOT, target_node, data: None });
        }
        // Keys go to the canvas.
        if let Some(canvas) = page::canvas() {
            let _ = canvas.focus();
        }
        ctx.request_repaint();
    });
    for event in ["click", "focusin"] {
        let _ = holder.add_event_listener_with_callback(event, asked.as_ref().unchecked_ref());
    }
    // The page needs it until it is closed.
    asked.forget();
}

/// The elements, and what they say.
struct Told {
    document: Document,
    holder: HtmlElement,
    news: Element,
    parts: HashMap<u64, (HtmlElement, Part)>,
    heard: Vec<(u64, String)>,
    zoom: f64,
    /// When it was told last, since the page was opened, in milliseconds.
    at: f64,
}

impl Told {
    fn new() -> Option<Self> {
        let document = web_sys::window()?.document()?;
        let holder = document.get_element_by_id(HOLDER)?.dyn_into().ok()?;
        let news = document.get_element_by_id(NEWS)?;
        let (parts, heard, at) = (HashMap::new(), Vec::new(), f64::MIN);
        Some(Self { document, holder, news, parts, heard, zoom: 0.0, at })
    }

    fn tell(&mut self, shown: Shown, zoom: f64) {
        self.at = page_time();
        let is_zoomed = (std::mem::replace(&mut self.zoom, zoom) - zoom).abs() > f64::EPSILON;
        let mut before = std::mem::take(&mut self.parts);
        let mut next = self.holder.first_element_child();
        let focus = shown.focus.and_then(|focus| shown.parts.iter().find(|part| part.id == focus)).cloned();
        for part in shown.parts {
            let (element, old) = match before.remove(&part.id) {
                Some((element, old)) => (element, Some(old)),
                None => match self.document.create_element("div").map(|new| new.dyn_into::<HtmlElement>()) {
                    Ok(Ok(element)) => (element, None),
                    _ => continue,
                },
            };
            if is_zoomed || old.as_ref() != Some(&part) {
                write(&element, &part, old.as_ref(), zoom);
            }
            if next.as_ref().is_some_and(|next| next.is_same_node(Some(&element))) {
                next = element.next_element_sibling();
            } else {
                let _ = self.holder.insert_before(&element, next.as_deref());
            }
            self.parts.insert(part.id, (element, part));
        }
        for (element, _) in before.into_values() {
            element.remove();
        }
        self.name_focus(focus.as_ref());
        self.say(shown.news);
    }

    /// What has the keyboard: the canvas says which part it is, the field of the browser that takes text
    /// is called like the one that is drawn.
    fn name_focus(&self, focus: Option<&Part>) {
        let Some(canvas) = page::canvas() else { return };
        put(&canvas, "aria-activedescendant", focus.map(|part| format!("p{}", part.id)).as_deref());
        if let Some(active) = self.document.active_element().filter(|active| active.tag_name() == "INPUT") {
            put(&active, "aria-label", focus.map(|part| part.name.as_str()));
        }
    }

    fn say(&mut self, news: Vec<(u64, String)>) {
        let new: Vec<_> =
            news.iter().filter(|said| !self.heard.contains(said)).map(|(_, text)| text.as_str()).collect();
        if !new.is_empty() {
            self.news.set_text_content(Some(&new.join("\n")));
        }
        self.heard = news;
    }
}

/// Sets an attribute where it changes, or takes it away.
fn put(element: &Element, name: &str, value: Option<&str>) {
    if element.get_attribute(name).as_deref() == value {
        return;
    }
    let _ = match value {
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    };
}

fn write(element: &HtmlElement, part: &Part, old: Option<&Part>, zoom: f64) {
    if old.is_none() {
        element.set_id(&format!("p{}", part.id));
    }
    put(element, "tabindex", part.is_pressed.then_some("-1"));
    put(element, "role", part.role);
    put(element, "aria-disabled", part.is_disabled.then_some("true"));
    if let Some((name, _)) = old.and_then(|old| old.on).filter(|on| Some(*on) != part.on) {
        put(element, name, None);
    }
    if let Some((name, value)) = part.on {
        put(element, name, Some(value));
    }
    put(element, "aria-description", part.detail.as_deref());
    put(element, "aria-placeholder", part.hint.as_deref());
    let is_heading = part.role == Some("heading");
    put(element, "aria-level", is_heading.then_some("2"));
    // Text names itself; what else has a name beside what is in it.
    let has_label = matches!(part.role, Some("textbox" | "img" | "progressbar" | "slider" | "combobox"));
    put(element, "aria-label", has_label.then_some(part.name.as_str()));
    let text = if has_label { part.written.as_deref().unwrap_or_default() } else { part.name.as_str() };
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
    let style = element.style();
    for (name, value) in ["left", "top", "width", "height"].into_iter().zip(part.area) {
        let _ = style.set_property(name, &format!("{:.0}px", value * zoom));
    }
}

//! Two tabs of one browser do not use what it keeps at the same time. A tab that begins asks the others
//! to let go, and waits for one that says it does. The store's own mark (`parlor_node`) holds even when
//! a tab slept through this.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{BroadcastChannel, MessageEvent};

/// The name under which the tabs hear each other.
const CHANNEL: &str = "parlor";
const TAKE: &str = "take";
const WAIT: &str = "wait";
const GONE: &str = "gone";
/// How long a tab may take to say that it lets go, and to have written everything.
const HEARD_WITHIN_MS: i32 = 300;
const GONE_WITHIN_MS: i32 = 5000;
/// Between two looks.
const LOOK_MS: i32 = 50;

/// What lets go when another tab takes over: starts it, and calls back when it is done. It hears whether
/// the other tab began after this one. False when this tab does not let go.
type LetGo = Box<dyn Fn(bool, Box<dyn FnOnce()>) -> bool>;

/// This tab among the others.
pub(super) struct Tabs {
    channel: Option<BroadcastChannel>,
    waits: Rc<Cell<bool>>,
    gone: Rc<Cell<bool>>,
    /// When this tab began, in milliseconds since 1970, with a random part so that no two are the same.
    since: Rc<Cell<f64>>,
    let_go: Rc<RefCell<Option<LetGo>>>,
    _heard: Option<Closure<dyn FnMut(MessageEvent)>>,
}

impl Tabs {
    /// Begins to listen.
    pub(super) fn new() -> Self {
        let (waits, gone, since) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)), Rc::new(Cell::new(0.0)));
        let let_go: Rc<RefCell<Option<LetGo>>> = Rc::default();
        let Ok(channel) = BroadcastChannel::new(CHANNEL) else {
            return Self { channel: None, waits, gone, since, let_go, _heard: None };
        };
        let heard = {
            let (waits, gone, since) = (Rc::clone(&waits), Rc::clone(&gone), Rc::clone(&since));
            let (let_go, channel) = (Rc::clone(&let_go), channel.clone());
            Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
                let text = event.data().as_string().unwrap_or_default();
                let (word, theirs) = text.split_once(' ').unwrap_or((&text, ""));
                match word {
                    TAKE => {
                        let answer = channel.clone();
                        let told = Box::new(move || drop(answer.post_message(&GONE.into())));
                        let is_newer = theirs.parse::<f64>().is_ok_and(|theirs| theirs > since.get());
                        if let_go.borrow().as_ref().is_some_and(|let_go| let_go(is_newer, told)) {
                            let _ = channel.post_message(&WAIT.into());
                        }
                    }
                    WAIT => waits.set(true),
                    GONE => gone.set(true),
                    _ => {}
                }
            })
        };
        channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        Self { channel: Some(channel), waits, gone, since, let_go, _heard: Some(heard) }
    }

    /// What is let go of when another tab asks.
    pub(super) fn hold(&self, let_go: LetGo) {
        *self.let_go.borrow_mut() = Some(let_go);
    }

    /// Nothing of this tab is for others any more.
    pub(super) fn keep(&self) {
        self.let_go.take();
    }

    /// Asks the other tabs to let go; the future ends when they have, or do not answer.
    pub(super) fn take(&self) -> impl Future<Output = ()> + use<> {
        self.waits.set(false);
        self.gone.set(false);
        self.since.set(js_sys::Date::now() + js_sys::Math::random());
        let ask = format!("{TAKE} {}", self.since.get());
        let asked = self.channel.as_ref().is_some_and(|channel| channel.post_message(&ask.into()).is_ok());
        let (waits, gone) = (Rc::clone(&self.waits), Rc::clone(&self.gone));
        async move {
            let mut passed = 0;
            while asked && passed < if waits.get() { GONE_WITHIN_MS } else { HEARD_WITHIN_MS } && !gone.get() {
                super::page::pause(LOOK_MS).await;
                passed += LOOK_MS;
            }
        }
    }
}

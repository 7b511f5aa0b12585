//! Notifications of the browser. It is asked only when the person turns them on, never when the page is
//! loaded. They need a page that came by https or from this very machine; on most phones pages have none.

use egui::Context;
use parlor_protocol::RoomId;
use std::{cell::Cell, collections::VecDeque, rc::Rc};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{Notification, NotificationOptions, NotificationPermission};

use crate::{model::Notice, place::Notices};

/// Shown at once at most; the oldest goes when there are more.
const SHOWN_MAX: usize = 8;

/// A notification that is shown, and what a click on it does.
struct Shown {
    notification: Notification,
    _clicked: Closure<dyn Fn()>,
}

/// Tells the desktop of messages.
pub(super) struct Desktop {
    ctx: Context,
    shown: VecDeque<Shown>,
    clicked: Rc<Cell<Option<RoomId>>>,
    /// The browser has the name, but throws when it is used: Chromium on Android.
    is_pretended: bool,
}

impl Desktop {
    pub(super) fn new(ctx: &Context) -> Self {
        Self { ctx: ctx.clone(), shown: VecDeque::new(), clicked: Rc::default(), is_pretended: false }
    }

    /// What the browser lets this page do.
    pub(super) fn may(&self) -> Notices {
        let Some(window) = web_sys::window() else { return Notices::Absent };
        if !window.is_secure_context() {
            return Notices::Insecure;
        }
        let has = js_sys::Reflect::get(&window, &"Notification".into()).is_ok_and(|there| there.is_function());
        if !has || self.is_pretended || is_chromium_on_android(&window) {
            return Notices::Absent;
        }
        match Notification::permission() {
            NotificationPermission::Granted => Notices::Ready,
            NotificationPermission::Denied => Notices::Refused,
            _ => Notices::Unasked,
        }
    }

    /// Lets the browser ask the person.
    pub(super) fn ask(&self) {
        let Ok(asked) = Notification::request_permission() else { return };
        let ctx = self.ctx.clone();
        wasm_bindgen_futures::spawn_local(async move {
            // What the answer was is read anew with every frame.
            let _ = wasm_bindgen_futures::JsFuture::from(asked).await;
            ctx.request_repaint();
        });
    }

    /// Shows one. A click on it brings the page to the front and opens the room.
    pub(super) fn tell(&mut self, notice: &Notice) {
        if self.may() != Notices::Ready {
            return;
        }
        let options = NotificationOptions::new();
        options.set_body(&notice.body);
        let notification = match Notification::new_with_options(&notice.title, &options) {
            Ok(notification) => notification,
            Err(error) => {
                tracing::warn!(?error, "this browser shows no notifications of pages");
                self.is_pretended = true;
                return;
            }
        };
        let (clicked, ctx, room, itself) =
            (Rc::clone(&self.clicked), self.ctx.clone(), notice.room, notification.clone());
        let clicked = Closure::<dyn Fn()>::new(move || {
            clicked.set(Some(room));
            if let Some(window) = web_sys::window() {
                let _ = window.focus();
            }
            itself.close();
            ctx.request_repaint();
        });
        notification.set_onclick(Some(clicked.as_ref().unchecked_ref()));
        self.shown.push_back(Shown { notification, _clicked: clicked });
        while self.shown.len() > SHOWN_MAX {
            self.shown.pop_front().iter().for_each(Shown::take_away);
        }
    }

    /// The room of a notification that was clicked.
    pub(super) fn clicked(&self) -> Option<RoomId> {
        self.clicked.take()
    }

    /// Takes all away: the person is here, or nothing may be seen any more.
    pub(super) fn clear(&mut self) {
        self.shown.drain(..).for_each(|shown| shown.take_away());
    }
}

impl Shown {
    fn take_away(&self) {
        self.notification.set_onclick(None);
        self.notification.close();
    }
}

/// There the name exists, but only service workers may use it.
fn is_chromium_on_android(window: &web_sys::Window) -> bool {
    let agent = js_sys::Reflect::get(&window.navigator(), &JsValue::from("userAgent")).ok();
    agent
        .and_then(|agent| agent.as_string())
        .is_some_and(|agent| agent.contains("Android") && !agent.contains("Firefox"))
}

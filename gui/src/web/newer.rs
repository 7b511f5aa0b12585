//! Whether the archive has a newer version of this page, and whether to load it.
//!
//! The page knows what it is called; the archive says what the page is called that it serves. When the two
//! differ the page loads itself anew, as soon as that disturbs nobody: never under somebody's
//! hands, never twice for the same version (a cache on the way may go on handing out the old one).

use egui::Context;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use web_time::{Duration, Instant};

use super::{page, site};

/// Between two looks while nothing else gives a reason.
const LOOK_MS: i32 = 5 * 60 * 1000;
/// So long nobody has touched the page when it loads itself anew.
const UNTOUCHED: Duration = Duration::from_secs(15);
/// Where the tab keeps for which versions it was loaded anew already.
const TRIED: &str = "parlor.tried";
/// So many of them are kept.
const TRIED_MAX: usize = 32;

/// What the archive has, as far as it is known.
pub(super) struct Newer {
    own: Option<String>,
    look: Look,
    was_connected: bool,
    touched: Instant,
    _returning: Option<page::Returning>,
}

impl Newer {
    /// Looks now, and every few minutes from now on.
    pub(super) fn new(ctx: &Context) -> Self {
        let (own, look) = (page::own_name(), Look { found: Rc::default(), state: Rc::default(), ctx: ctx.clone() });
        let returning = own.is_some().then(|| {
            let again = look.clone();
            wasm_bindgen_futures::spawn_local(async move {
                // As long as there is a page.
                loop {
                    again.begin();
                    page::pause(LOOK_MS).await;
                }
            });
            // A page that slept, or was cut off, may have missed something.
            let again = look.clone();
            page::Returning::hear(move || again.begin())
        });
        Self { own, look, was_connected: false, touched: Instant::now(), _returning: returning }
    }

    /// Whether an archive is connected now.
    pub(super) fn note_connected(&mut self, is_connected: bool) {
        // It came back, and may be another one.
        if is_connected && !self.was_connected && self.own.is_some() {
            self.look.begin();
        }
        self.was_connected = is_connected;
    }

    /// Somebody typed, clicked or moved the pointer.
    pub(super) fn touch(&mut self) {
        self.touched = Instant::now();
    }

    /// Whether the archive has a newer version.
    pub(super) fn is_there(&self) -> bool {
        let found = self.look.found.borrow();
        found.is_some() && *found != self.own
    }

    /// Whether the page may load itself anew for it, once; `is_at_rest` says whether nothing would be lost.
    pub(super) fn may_load(&self, ctx: &Context, is_at_rest: bool) -> bool {
        let Some(found) = self.look.found.borrow().clone().filter(|_| is_at_rest && self.is_there()) else {
            return false;
        };
        // A tab that cannot remember would load itself for ever.
        let Some(tried) = page::stored_by_tab(TRIED) else { return false };
        if tried.split_whitespace().any(|tried| tried == found) {
            return false;
        }
        let left = UNTOUCHED.saturating_sub(self.touched.elapsed());
        if !left.is_zero() && !page::is_hidden() {
            ctx.request_repaint_after(left + Duration::from_millis(20));
            return false;
        }
        let others = tried.split_whitespace().rev().take(TRIED_MAX - 1);
        let all: Vec<&str> = std::iter::once(found.as_str()).chain(others).collect();
        page::store_by_tab(TRIED, &all.into_iter().rev().collect::<Vec<_>>().join(" "))
    }
}

/// Asks the archive what it has.
#[derive(Clone)]
struct Look {
    found: Rc<RefCell<Option<String>>>,
    state: Rc<Cell<Looking>>,
    ctx: Context,
}

/// Whether a question is under way.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Looking {
    #[default]
    No,
    Yes,
    /// And there was a reason to ask once more since it began.
    Again,
}

impl Look {
    fn begin(&self) {
        if self.state.get() != Looking::No {
            return self.state.set(Looking::Again);
        }
        let look = self.clone();
        wasm_bindgen_futures::spawn_local(async move {
            loop {
                look.state.set(Looking::Yes);
                look.ask().await;
                if look.state.get() != Looking::Again {
                    break;
                }
            }
            look.state.set(Looking::No);
        });
    }

    async fn ask(&self) {
        // Who does not answer may be back later.
        if let Ok(Some(site)) = site::ask().await
            && let Some(page) = site.page
            && self.found.borrow_mut().replace(page.clone()).as_ref() != Some(&page)
        {
            self.ctx.request_repaint();
        }
    }
}

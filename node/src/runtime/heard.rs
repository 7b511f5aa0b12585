//! Events of a browser, heard as long as somebody wants to.

use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{Event, EventTarget};

/// Listens to one kind of event until it is dropped.
#[derive(Debug)]
pub(crate) struct Heard {
    target: EventTarget,
    name: &'static str,
    closure: Closure<dyn FnMut(Event)>,
}

impl Heard {
    /// Begins to listen.
    ///
    /// # Errors
    /// The browser's.
    pub(crate) fn new(
        target: &EventTarget,
        name: &'static str,
        heard: impl FnMut(Event) + 'static,
    ) -> Result<Self, JsValue> {
        let closure = Closure::<dyn FnMut(Event)>::new(heard);
        target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref())?;
        Ok(Self { target: target.clone(), name, closure })
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        // What is not there any more is fine, too.
        let _ = self.target.remove_event_listener_with_callback(self.name, self.closure.as_ref().unchecked_ref());
    }
}

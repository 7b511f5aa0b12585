//! What a browser says about the network and about sleep, told to the node's network, so that it does not wait
//! for the next ping or the next try.

use std::{cell::Cell, rc::Rc};
use web_sys::{Event, EventTarget};

use crate::{
    net::{NetCommand, NetHandle},
    runtime::Heard,
};

/// What the browser calls it when a page is shown or hidden.
const VISIBILITY: &str = "visibilitychange";

/// Listens as long as it is there.
#[derive(Debug)]
pub(super) struct Wake {
    _heard: Vec<Heard>,
}

impl Wake {
    /// Begins to listen for a network.
    pub(super) fn new(net: &NetHandle) -> Self {
        let Some(window) = web_sys::window() else { return Self { _heard: Vec::new() } };
        let document = window.document();
        let was_offline = Rc::new(Cell::new(false));
        let tell = |lost: bool| {
            let (net, was_offline) = (net.clone(), Rc::clone(&was_offline));
            let shown = document.clone();
            move |event: Event| {
                // Going out of sight is the same event as coming back.
                if event.type_() != VISIBILITY || shown.as_ref().is_none_or(|document| !document.hidden()) {
                    let lost = lost && was_offline.take();
                    // When so much waits for the network it is awake.
                    let _ = net.sender().try_send(NetCommand::LookAnew { lost });
                }
            }
        };
        let offline = Rc::clone(&was_offline);
        let mut heard = vec![
            Heard::new(&window, "offline", move |_| offline.set(true)),
            Heard::new(&window, "online", tell(true)),
            Heard::new(&window, "pageshow", tell(false)),
        ];
        if let Some(document) = &document {
            let target: &EventTarget = document.as_ref();
            heard.push(Heard::new(target, VISIBILITY, tell(false)));
        }
        // A browser that says nothing is asked by pings.
        Self { _heard: heard.into_iter().flatten().collect() }
    }
}

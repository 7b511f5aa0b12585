//! Stretching in a worker of the browser, so that the page goes on meanwhile.
//!
//! A worker is this same program once more, in a thread of its own with memory of its own. The page hands
//! it the module that is compiled already, and the work as bytes; a small script (`gui/web/work.js`)
//! starts it, and [`serve`] does the work there. What is sent is moved, not copied, and both sides wipe what
//! they have read. A worker does one piece of work and is ended: its memory is gone then. Where there are
//! no workers the page does it itself, and stands still for as long as it takes.

use futures_timer::Delay;
use js_sys::{Array, Object, Reflect, Uint8Array};
use parlor_protocol::stretch::{NoMemory, Stretch, Stretched};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use tokio::sync::oneshot;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{DedicatedWorkerGlobalScope, EventTarget, MessageEvent, Worker, WorkerOptions, WorkerType};
use zeroize::Zeroizing;

use super::heard::Heard;

/// How long a worker may take: a phone with little memory to spare needs a while.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the page may draw before it stands still.
const BREATH: Duration = Duration::from_millis(40);

thread_local! {
    /// The script that starts a worker, once the page has said which.
    static SCRIPT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on keys are stretched in workers that begin with this script.
pub fn stretch_in_workers(script: String) {
    SCRIPT.set(Some(script));
}

/// A worker that ends when this is dropped.
struct Working(Worker);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.terminate();
    }
}

/// Stretches something, in a worker if there are any.
///
/// # Errors
/// [`NoMemory`].
pub(crate) async fn stretch(work: Stretch) -> Result<Stretched, NoMemory> {
    match elsewhere(&work).await {
        Ok(done) => done,
        Err(reason) => {
            tracing::warn!(?reason, "no worker: the page stands still while a key is stretched");
            Delay::new(BREATH).await;
            work.run()
        }
    }
}

/// Lets a worker do it. An error says why there was none.
async fn elsewhere(work: &Stretch) -> Result<Result<Stretched, NoMemory>, JsValue> {
    let script = SCRIPT.with_borrow(Clone::clone).ok_or("the page has no script for one")?;
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = Working(Worker::new_with_options(&script, &options)?);
    let (told, answer) = oneshot::channel();
    let told = Rc::new(Cell::new(Some(told)));
    let tell = || {
        let told = Rc::clone(&told);
        move |event: web_sys::Event| {
            if let Some(told) = told.take() {
                let _ =
                    told.send(event.dyn_into::<MessageEvent>().map_or(JsValue::UNDEFINED, |message| message.data()));
            }
        }
    };
    let target: &EventTarget = worker.0.as_ref();
    let _heard = (
        Heard::new(target, "message", tell())?,
        Heard::new(target, "error", tell())?,
        Heard::new(target, "messageerror", tell())?,
    );
    let bytes = Uint8Array::from(work.encode().as_slice());
    let message = Object::new();
    Reflect::set(&message, &"module".into(), &wasm_bindgen::module())?;
    Reflect::set(&message, &"work".into(), &bytes)?;
    let sent = worker.0.post_message_with_transfer(&message, &Array::of1(&bytes.buffer()));
    if sent.is_err() {
        bytes.fill(0, 0, bytes.length());
    }
    sent?;
    let answer = super::timeout(PATIENCE, answer).await.map_err(|_| "it did not answer in time")?;
    let answer = answer.map_err(|_| "it ended")?;
    if answer.is_null() {
        return Ok(Err(NoMemory));
    }
    let out = taken(&answer).ok_or("it did not begin")?;
    Stretched::of(work, out).map(Ok).ok_or_else(|| "its answer is none".into())
}

/// Takes bytes out of a message and wipes them there.
fn taken(message: &JsValue) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = message.dyn_ref::<Uint8Array>()?;
    let out = Zeroizing::new(bytes.to_vec());
    bytes.fill(0, 0, bytes.length());
    Some(out)
}

/// The worker's side: does the work that comes as a message. False where this program is no worker.
pub fn serve_as_worker() -> bool {
    let Ok(scope) = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>() else { return false };
    let target: EventTarget = scope.clone().into();
    let heard = Heard::new(&target, "message", move |event| {
        let done = event
            .dyn_into::<MessageEvent>()
            .ok()
            .and_then(|message| taken(&message.data()))
            .and_then(|bytes| Stretch::decode(&bytes).ok())
            .and_then(|work| work.run().ok());
        let answered = match done {
            Some(done) => {
                let bytes = Uint8Array::from(done.expose());
                scope.post_message_with_transfer(&bytes, &Array::of1(&bytes.buffer()))
            }
            None => scope.post_message(&JsValue::NULL),
        };
        if let Err(error) = answered {
            tracing::warn!(?error, "the page does not hear what came of the work");
        }
    });
    // As long as the worker lives.
    std::mem::forget(heard);
    true
}

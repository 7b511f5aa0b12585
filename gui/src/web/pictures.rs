//! Picture files: chosen, taken with the camera, dropped on the page, pasted; and saved as a download. A file
//! is looked at for its size before it is read.

use egui::Context;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AddEventListenerOptions, Blob, BlobPropertyBag, ClipboardEvent, DataTransfer, DragEvent, Event, File,
    HtmlAnchorElement, HtmlInputElement, Url,
};

use crate::{
    pictures::{self, FILE_MAX, FILE_NAME, ScanError},
    view::QrOf,
    widgets::QrPicture,
};

/// What phones turn their own formats into.
const KINDS: &str = "image/jpeg,image/png";
/// How long a saved picture is held for the browser.
const SAVING_MS: i32 = 60_000;
const NOT_SAVED: &str = "The browser did not take it. Take a picture of the screen instead.";

/// A picture that was read.
pub(super) type Came = (QrOf, Result<String, String>);

/// Pictures on their way in.
pub(super) struct Pictures {
    ctx: Context,
    came: Rc<RefCell<Option<Came>>>,
    /// What a picture that comes by itself is read for.
    wanted: Rc<Cell<Option<QrOf>>>,
    /// The field that files are chosen with; kept, so that its answer finds somebody.
    chooser: Option<(HtmlInputElement, Closure<dyn Fn()>)>,
}

impl Pictures {
    /// Begins to take pictures that are dropped or pasted.
    pub(super) fn new(ctx: &Context) -> Self {
        let pictures = Self { ctx: ctx.clone(), came: Rc::default(), wanted: Rc::default(), chooser: None };
        pictures.watch();
        pictures
    }

    /// What a picture that comes by itself is read for; nothing while none is wanted.
    pub(super) fn want(&self, of: Option<QrOf>) {
        self.wanted.set(of);
    }

    /// A picture that was read since the last time.
    pub(super) fn take(&self) -> Option<Came> {
        self.came.take()
    }

    /// Lets the person choose a picture, or take one.
    pub(super) fn choose(&mut self, of: QrOf, with_camera: bool) {
        let chooser = web_sys::window()
            .and_then(|window| window.document())
            .and_then(|document| document.create_element("input").ok())
            .and_then(|element| element.dyn_into::<HtmlInputElement>().ok());
        let Some(chooser) = chooser else { return };
        chooser.set_type("file");
        chooser.set_accept(KINDS);
        if with_camera {
            let _ = chooser.set_attribute("capture", "environment");
        }
        let (field, came, ctx) = (chooser.clone(), Rc::clone(&self.came), self.ctx.clone());
        let chosen = Closure::<dyn Fn()>::new(move || {
            if let Some(file) = field.files().and_then(|files| files.get(0)) {
                read(of, file, Rc::clone(&came), ctx.clone());
            }
        });
        chooser.set_onchange(Some(chosen.as_ref().unchecked_ref()));
        chooser.click();
        self.chooser = Some((chooser, chosen));
    }

    /// Begins to listen, for as long as the page is there; before egui, which reads files of any size.
    fn watch(&self) {
        let Some(window) = web_sys::window() else { return };
        let (wanted, came, ctx) = (Rc::clone(&self.wanted), Rc::clone(&self.came), self.ctx.clone());
        let arrived = Closure::<dyn Fn(Event)>::new(move |event: Event| {
            let Some(file) = files_of(&event).and_then(|data| data.files()).and_then(|files| files.get(0)) else {
                return;
            };
            event.prevent_default();
            event.stop_propagation();
            if let Some(of) = wanted.get() {
                read(of, file, Rc::clone(&came), ctx.clone());
            }
        });
        let first = AddEventListenerOptions::new();
        first.set_capture(true);
        for event in ["drop", "paste"] {
            let callback = arrived.as_ref().unchecked_ref();
            let _ = window.add_event_listener_with_callback_and_add_event_listener_options(event, callback, &first);
        }
        arrived.forget();
    }
}

fn files_of(event: &Event) -> Option<DataTransfer> {
    match event.dyn_ref::<DragEvent>() {
        Some(dropped) => dropped.data_transfer(),
        None => event.dyn_ref::<ClipboardEvent>()?.clipboard_data(),
    }
}

/// Reads a file, and the code in it.
fn read(of: QrOf, file: File, came: Rc<RefCell<Option<Came>>>, ctx: Context) {
    wasm_bindgen_futures::spawn_local(async move {
        let read = bytes_of(&file).await.and_then(|bytes| pictures::read(&bytes));
        *came.borrow_mut() = Some((of, read.map_err(|error| error.to_string())));
        ctx.request_repaint();
    });
}

async fn bytes_of(file: &Blob) -> Result<Vec<u8>, ScanError> {
    // Sizes are whole numbers in a floating one.
    if !(0.0..=FILE_MAX as f64).contains(&file.size()) {
        return Err(ScanError::FileTooLarge);
    }
    let buffer = JsFuture::from(file.array_buffer()).await.map_err(|_| ScanError::Unreadable)?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// Saves a QR picture where the browser saves files. What went wrong, if something did.
pub(super) fn save(picture: &QrPicture) -> Option<String> {
    let file = pictures::png(picture)?;
    hand_over(&file).map_or_else(|_| Some(NOT_SAVED.to_owned()), |()| None)
}

fn hand_over(file: &[u8]) -> Result<(), JsValue> {
    let kind = BlobPropertyBag::new();
    kind.set_type("image/png");
    let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(file));
    let blob = Blob::new_with_u8_array_sequence_and_options(&parts, &kind)?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let document = web_sys::window().and_then(|window| window.document()).ok_or("no page")?;
    let link = document.create_element("a")?.dyn_into::<HtmlAnchorElement>().map_err(|_| "no link")?;
    link.set_href(&url);
    link.set_download(FILE_NAME);
    link.click();
    wasm_bindgen_futures::spawn_local(async move {
        super::page::pause(SAVING_MS).await;
        let _ = Url::revoke_object_url(&url);
    });
    Ok(())
}

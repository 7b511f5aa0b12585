//! Picture files: the person chooses one to be read, or where one is saved. Choosing takes as long as it
//! takes, so it happens on a thread of its own, and the window is woken when there is something to say.

use image::{ExtendedColorType, ImageEncoder as _, codecs::png::PngEncoder};
use parlor_protocol::UserId;
use rfd::AsyncFileDialog;
use std::{future::Future, path::PathBuf, sync::mpsc};

use super::scan;
use crate::widgets::QrPicture;

/// Pixels a square in a saved picture: about 500 on a side.
const SCALE: usize = 8;
/// What has come of choosing and not been taken yet; there is one chooser at a time.
const QUEUE: usize = 2;

/// What came of it.
#[derive(Debug)]
pub(super) enum Came {
    /// The text of the code in a picture, or what is wrong.
    Read(UserId, Result<String, String>),
    /// It was saved, unless there was a problem.
    Saved(Option<String>),
}

/// Choosing files, one at a time.
#[derive(Debug)]
pub(super) struct Pictures {
    ctx: egui::Context,
    sender: mpsc::SyncSender<Option<Came>>,
    came: mpsc::Receiver<Option<Came>>,
    is_choosing: bool,
}

impl Pictures {
    pub(super) fn new(ctx: &egui::Context) -> Self {
        let (sender, came) = mpsc::sync_channel(QUEUE);
        Self { ctx: ctx.clone(), sender, came, is_choosing: false }
    }

    /// Lets the person choose a picture with a person's safety number.
    pub(super) fn read(&mut self, user: UserId) {
        let chooser = AsyncFileDialog::new().add_filter("Pictures", &["png", "jpg", "jpeg", "PNG", "JPG", "JPEG"]);
        let chosen = chooser.set_title("Picture with the other safety number").pick_file();
        self.choose(chosen, move |path| Came::Read(user, scan::read_file(&path).map_err(|error| error.to_string())));
    }

    /// Lets the person choose where a picture is saved.
    pub(super) fn save(&mut self, picture: &QrPicture) {
        let Some(file) = png(picture) else { return };
        let chooser = AsyncFileDialog::new().add_filter("Picture", &["png"]).set_file_name("parlor-safety-number.png");
        let chosen = chooser.set_title("Save the picture").save_file();
        self.choose(chosen, move |path| {
            let problem = std::fs::write(path, file).err();
            Came::Saved(problem.map(|error| format!("{error}. Choose another folder.")))
        });
    }

    // Some systems want a chooser to be made on the window's thread; waiting for it may happen anywhere.
    fn choose<F>(&mut self, chosen: F, then: impl FnOnce(PathBuf) -> Came + Send + 'static)
    where
        F: Future<Output = Option<rfd::FileHandle>> + Send + 'static,
    {
        if std::mem::replace(&mut self.is_choosing, true) {
            return;
        }
        let (ctx, sender) = (self.ctx.clone(), self.sender.clone());
        let thread = std::thread::Builder::new().name("pictures".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let path = runtime.ok().and_then(|runtime| runtime.block_on(chosen));
            let came = path.map(|file| then(file.path().to_owned()));
            // When the window is gone already there is nobody to tell.
            let _ = sender.try_send(came);
            ctx.request_repaint();
        });
        if let Err(error) = thread {
            tracing::warn!(%error, "there is no thread for choosing a file");
            self.is_choosing = false;
        }
    }

    /// What has come since the last time.
    pub(super) fn take(&mut self) -> Vec<Came> {
        let came: Vec<_> = self.came.try_iter().collect();
        if !came.is_empty() {
            self.is_choosing = false;
        }
        came.into_iter().flatten().collect()
    }
}

/// A QR picture as a PNG file.
pub(super) fn png(picture: &QrPicture) -> Option<Vec<u8>> {
    let (side, pixels) = picture.pixels(SCALE)?;
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(&pixels, side, side, ExtendedColorType::L8).ok()?;
    Some(file)
}

//! Picture files: the person chooses one to be read, or where one is saved. Choosing takes as long as it
//! takes, so it happens on a thread of its own, and the window is woken when there is something to say.

use parlor_node::private;
use rfd::AsyncFileDialog;
use std::{
    fs::File,
    future::Future,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::mpsc,
};

use crate::{
    pictures::{self, FILE_MAX, FILE_NAME, ScanError},
    view::QrOf,
    widgets::QrPicture,
};

/// What has come of choosing and not been taken yet; there is one chooser at a time.
const QUEUE: usize = 2;

/// What came of it.
#[derive(Debug)]
pub(super) enum Came {
    /// The text of the code in a picture, or what is wrong.
    Read(QrOf, Result<String, String>),
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

    /// Lets the person choose a picture with a QR code.
    pub(super) fn read(&mut self, of: QrOf) {
        let chooser = AsyncFileDialog::new().add_filter("Pictures", &["png", "jpg", "jpeg", "PNG", "JPG", "JPEG"]);
        let chosen = chooser.set_title("Picture with the QR code").pick_file();
        self.choose(chosen, move |path| Came::Read(of, read_file(&path).map_err(|error| error.to_string())));
    }

    /// Lets the person choose where a picture is saved.
    pub(super) fn save(&mut self, picture: &QrPicture) {
        let Some(file) = pictures::png(picture) else { return };
        let chooser = AsyncFileDialog::new().add_filter("Picture", &["png"]).set_file_name(FILE_NAME);
        let chosen = chooser.set_title("Save the picture").save_file();
        self.choose(chosen, move |path| {
            let problem = save_file(&path, &file).err();
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

/// Writes a picture that only its owner may read, over one of that name.
fn save_file(path: &Path, picture: &[u8]) -> io::Result<()> {
    private::options().write(true).create(true).truncate(true).open(path)?.write_all(picture)
}

/// The text of the QR code in a picture file.
fn read_file(path: &Path) -> Result<String, ScanError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|_| ScanError::Unreadable)?;
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(|_| ScanError::Unreadable)?;
    pictures::read(&bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{FILE_MAX, ScanError, read_file};
    use crate::{pictures::png, widgets::QrPicture};

    #[test]
    fn a_picture_is_read_from_its_file_and_a_file_that_is_too_large_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("code.png");
        std::fs::write(&path, png(&QrPicture::of("parlor:something")).unwrap()).unwrap();
        assert_eq!(read_file(&path).as_deref(), Ok("parlor:something"));
        std::fs::File::create(&path).unwrap().set_len(FILE_MAX + 1).unwrap();
        assert_eq!(read_file(&path), Err(ScanError::FileTooLarge));
        assert_eq!(read_file("/nowhere/at-all.png".as_ref()), Err(ScanError::Unreadable));
    }
}

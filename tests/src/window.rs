//! A virtual screen with the app in it, and hands on its keyboard and mouse (Linux: Xvfb, xdotool
//! and ImageMagick's `import`).

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{process::program, real::PATIENCE};

/// Size of the screen, which the app fills, in pixels.
pub const SIZE: (u32, u32) = (1120, 760);

/// What has to be installed.
pub const TOOLS: [&str; 3] = ["Xvfb", "xdotool", "import"];

/// The first of the tools that is not installed.
#[must_use]
pub fn missing_tool() -> Option<&'static str> {
    let paths = env::var_os("PATH").unwrap_or_default();
    TOOLS.into_iter().find(|tool| !env::split_paths(&paths).any(|dir| dir.join(tool).is_file()))
}

/// Where a picture of the documentation goes: into the documentation when it is to be kept.
///
/// # Panics
/// When there is no folder for it.
#[must_use]
pub fn guide_picture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    if env::var_os("PARLOR_KEEP_PICTURES").is_some() {
        return root.join("docs/images").join(name).with_extension("png");
    }
    test_picture(name)
}

/// Where a picture goes that is only looked at.
///
/// # Panics
/// When there is no folder for it.
#[must_use]
pub fn test_picture(name: &str) -> PathBuf {
    // Beside the programs: `target/debug/pictures`.
    let test = env::current_exe().expect("a test is a program");
    let dir = test.ancestors().nth(2).expect("a folder of programs").join("pictures");
    fs::create_dir_all(&dir).expect("a folder for pictures");
    dir.join(name).with_extension("png")
}

/// A virtual screen. It goes away when dropped.
#[derive(Debug)]
pub struct Screen {
    server: Child,
    name: String,
}

impl Screen {
    /// Starts a screen of [`SIZE`].
    ///
    /// # Panics
    /// When Xvfb does not start.
    #[must_use]
    pub fn start() -> Self {
        let size = format!("{}x{}x24", SIZE.0, SIZE.1);
        let mut server = Command::new("Xvfb")
            // It picks a free display and tells its number.
            .args(["-displayfd", "1", "-screen", "0", &size, "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts");
        let mut number = String::new();
        BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut number).expect("Xvfb tells its display");
        assert!(!number.trim().is_empty(), "Xvfb ended at once");
        Self { server, name: format!(":{}", number.trim()) }
    }

    /// The name for `DISPLAY`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn hands(&self, args: &[&str]) -> Option<String> {
        let mut command = Command::new("xdotool");
        let out = command.env("DISPLAY", &self.name).args(args).stderr(Stdio::null()).output().expect("xdotool runs");
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    /// Waits for a window whose title matches, and gives it the keyboard.
    ///
    /// # Panics
    /// When none comes within [`PATIENCE`].
    pub fn await_window(&self, title: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.hands(&["search", "--onlyvisible", "--name", title]);
            if let Some(window) = found.as_deref().and_then(|ids| ids.lines().next()) {
                // Without a window manager nobody else gives the keyboard to it.
                if self.hands(&["windowfocus", window]).is_some() {
                    return;
                }
            }
            if Instant::now() >= deadline {
                let seen = env::temp_dir().join("parlor-no-window.png");
                self.picture(&seen);
                panic!("no window {title:?} within {PATIENCE:?}; what there is instead: {}", seen.display());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Types a text.
    ///
    /// # Panics
    /// When the keyboard does not work.
    pub fn types(&self, text: &str) {
        self.hands(&["type", "--delay", "15", text]).expect("a text is typed");
    }

    /// Presses keys, as xdotool names them.
    ///
    /// # Panics
    /// When the keyboard does not work.
    pub fn press(&self, keys: &str) {
        self.hands(&["key", keys]).expect("keys are pressed");
    }

    /// Clicks at a place in pixels from the top left.
    ///
    /// # Panics
    /// When the mouse does not work.
    pub fn click(&self, x: u32, y: u32) {
        self.hands(&["mousemove", &x.to_string(), &y.to_string(), "click", "1"]).expect("a click");
    }

    /// Moves the pointer to a place.
    ///
    /// # Panics
    /// When the mouse does not work.
    pub fn point(&self, x: u32, y: u32) {
        self.hands(&["mousemove", &x.to_string(), &y.to_string()]).expect("the pointer moves");
    }

    /// Takes a picture of the whole screen.
    ///
    /// # Panics
    /// When the picture cannot be taken.
    pub fn picture(&self, to: &Path) {
        let mut command = Command::new("import");
        let done = command.env("DISPLAY", &self.name).args(["-window", "root", "-strip"]).arg(to).status();
        assert!(done.expect("import runs").success(), "no picture");
    }

    /// Takes pictures until three in a row are the same while the app has nothing to do, and so shows what
    /// is there at rest. A screen alone may rest while the app works: on a slow machine a key is stretched
    /// for seconds, and what is typed meanwhile goes nowhere.
    ///
    /// # Panics
    /// When the screen never rests.
    pub fn picture_at_rest(&self, app: &App, to: &Path) {
        let deadline = Instant::now() + PATIENCE;
        let (mut last, mut same) = (Vec::new(), 1);
        loop {
            let was_idle = app.is_idle();
            self.picture(to);
            let now = std::fs::read(to).expect("a picture");
            same = if now == last && was_idle && app.is_idle() { same + 1 } else { 1 };
            if same == 3 {
                return;
            }
            last = now;
            assert!(Instant::now() < deadline, "the screen never rests");
            thread::sleep(Duration::from_millis(250));
        }
    }
}

/// Whether a thread waits for something to happen, by its line in `/proc`: it does not run, nor want to, nor
/// wait for a disk.
fn is_waiting(stat: &str) -> bool {
    // Its name, in brackets, may hold anything.
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    !matches!(state, Some('R' | 'D'))
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The app in a window. It is closed when dropped.
#[derive(Debug)]
pub struct App(Child);

impl App {
    /// Starts the app.
    ///
    /// # Panics
    /// When it was not built.
    #[must_use]
    pub fn start(screen: &Screen, data_dir: &Path, profile: &str, connect: &[String]) -> Self {
        Self::start_on(screen, data_dir, profile, connect, "machine")
    }

    /// Starts the app on a machine of that name.
    ///
    /// # Panics
    /// When it was not built.
    #[must_use]
    pub fn start_on(screen: &Screen, data_dir: &Path, profile: &str, connect: &[String], machine: &str) -> Self {
        let program = program("parlor-gui").expect("the app was built");
        let child = Command::new(program)
            .env("DISPLAY", screen.name())
            .env_remove("WAYLAND_DISPLAY")
            // Nothing of a test may come into the keychain of whoever runs it.
            .env("PARLOR_NO_KEYCHAIN", "1")
            .env("HOSTNAME", machine)
            // Software drawing, the same on every machine.
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .arg("--data-dir")
            .arg(data_dir)
            .args(["--profile", profile, "--no-mdns", "--port", "0"])
            .args(connect.iter().flat_map(|address| ["--connect", address]))
            .spawn()
            .expect("the app starts");
        Self(child)
    }

    /// Whether all its threads wait for something to happen.
    fn is_idle(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.0.id())).into_iter().flatten().flatten();
        // One that is gone waits for nothing.
        threads
            .into_iter()
            .all(|thread| fs::read_to_string(thread.path().join("stat")).is_ok_and(|stat| is_waiting(&stat)))
    }

    /// Waits until the app has ended, and says whether it ended well.
    ///
    /// # Panics
    /// When it does not end within [`PATIENCE`].
    pub fn ended_well(mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status.success();
            }
            assert!(Instant::now() < deadline, "the app does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

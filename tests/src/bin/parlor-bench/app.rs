//! The desktop app over a room of 100,000 texts: frames while scrolling, memory, and what it draws
//! while nothing happens. The real app over a real node with a store on disk, on egui's own context
//! with its fonts, each frame tessellated; only the window and the graphics card are missing.

use egui::{Context, Event, Modifiers, MouseWheelUnit, Pos2, RawInput, Rect, TouchPhase, Vec2, pos2, vec2};
use parlor_gui::{
    app::{App, Setting},
    config::Look,
    native::Bridge,
};
use parlor_node::{Command, Node, NodeConfig, NodeHandle, Reply, RoomSummary, SyncState};
use std::{
    hint::black_box,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    big_room::{self, BigRoom},
    compare::{PATIENCE, runtime},
    join::{self, archive},
    parlor::{self, ANY_PORTS},
    part::{self, own_cpu_seconds, own_resident_mb, tell},
    sample::{Sample, show_micros},
    table::Outcome,
};

const FRAME_TARGET_US: f64 = 4_000.0;
const MEMORY_TARGET_MB: f64 = 300.0;
const WINDOW: Vec2 = vec2(1120.0, 760.0);
/// What one notch of a quick wheel scrolls in one frame, in points.
const NOTCH: f32 = 120.0;
/// Frames are this far apart, as on a screen of 60 Hz.
const FRAME: Duration = Duration::from_micros(16_667);
/// How long reading everything up to the beginning may take.
const TO_THE_TOP: Duration = Duration::from_secs(240);

/// Joins the room, then runs the app over it in a process of its own.
pub fn frame(quick: bool) -> anyhow::Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::skipped("only Linux shows the memory of a process in /proc"));
    }
    let texts = if quick { 5_000 } else { 100_000 };
    let runtime = runtime()?;
    let dir = tempfile::tempdir()?;
    let archive = runtime.block_on(async {
        let room = big_room::fill(&dir.path().join("archive"), texts).await?;
        let archive = archive(&dir.path().join("archive"), None).await?;
        let at = format!("/ip4/127.0.0.1/tcp/{}", archive.net().tcp_port().unwrap_or_default());
        join_and_leave(dir.path(), &at, &room).await?;
        anyhow::Ok((archive, at))
    });
    let (archive, at) = archive?;
    let found = part::run("app", &[&dir.path().to_string_lossy(), "reader", &at, &quick.to_string()])?;
    runtime.block_on(archive.shutdown());
    let of = |name: &str| found.of(name);
    let memory = of("all_mb")?;
    let is_met = of("near_p50")?.max(of("all_p50")?) <= FRAME_TARGET_US && memory <= MEMORY_TARGET_MB;
    Ok(Outcome {
        figure: format!("p50 {} p99 {} {memory:.0} MB", show_micros(of("near_p50")?), show_micros(of("near_p99")?)),
        target: "p50 <= 4 ms; <= 300 MB",
        met: Some(is_met),
        notes: vec![
            format!(
                "{texts} texts; scrolled by wheel, {NOTCH} points a frame at 60 frames a second, {:.0} frames, older \
                 messages being read meanwhile; longest frame {}; processor time of the whole process for each frame {}",
                of("near_frames")?,
                show_micros(of("near_max")?),
                show_micros(of("near_cpu")?)
            ),
            format!(
                "then to the beginning, three screens a frame: {:.1} s, {:.0} messages in the view, frames p50 {} p99 {} \
                 longest {}; with all of them in the view again by wheel: p50 {} p99 {} longest {}",
                of("top_s")?,
                of("items")?,
                show_micros(of("top_p50")?),
                show_micros(of("top_p99")?),
                show_micros(of("top_max")?),
                show_micros(of("all_p50")?),
                show_micros(of("all_p99")?),
                show_micros(of("all_max")?)
            ),
            format!(
                "memory of node and app in one process, without window and graphics driver: room open {:.0} MB, after \
                 scrolling {:.0} MB, all messages in the view {memory:.0} MB; from start to the newest messages on the \
                 screen {}, until all are read from the disk {}",
                of("open_mb")?,
                of("near_mb")?,
                show_micros(of("first_us")?),
                show_micros(of("ready_us")?)
            ),
            format!(
                "nothing happening for {:.0} s, connected: {:.0} frames, {:.2} % of a core",
                of("idle_s")?,
                of("idle_frames")?,
                of("idle_percent")?
            ),
        ],
        ..Outcome::default()
    })
}

/// The person's first day: joins and leaves when everything is on the disk.
async fn join_and_leave(dir: &Path, archive: &str, room: &BigRoom) -> anyhow::Result<()> {
    let node = parlor::node(dir, "reader", ANY_PORTS, &[archive.to_owned()]).await?;
    let handle = node.handle();
    join::until_archive(&handle).await?;
    join::measure(&handle, room).await?;
    node.shutdown().await;
    Ok(())
}

/// When the app wants to be drawn next.
#[derive(Clone, Debug, Default)]
struct Wakes(Arc<Mutex<Option<Instant>>>);

impl Wakes {
    fn ask(&self, after: Duration) {
        // egui says "never" with a very long time.
        let Some(at) = Instant::now().checked_add(after) else { return };
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *due = Some(due.map_or(at, |due| due.min(at)));
    }

    /// Whether a frame is due; takes the wish.
    fn take(&self) -> bool {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        due.take_if(|due| *due <= Instant::now()).is_some()
    }
}

/// A screen that is not there.
struct Screen {
    ctx: Context,
    app: App<Bridge>,
    wakes: Wakes,
    start: Instant,
    next: Instant,
}

impl Screen {
    fn new(handle: NodeHandle, look: Look) -> Self {
        let (ctx, wakes) = (Context::default(), Wakes::default());
        let asked = wakes.clone();
        ctx.set_request_repaint_callback(move |wish| asked.ask(wish.delay));
        let bridge = Bridge::new(handle, ctx.clone());
        let app = App::new(&ctx, bridge, Setting { look, ..Setting::default() });
        let start = Instant::now();
        Self { ctx, app, wakes, start, next: start }
    }

    /// Draws one frame; how long it took until it could be given to the graphics card.
    fn frame(&mut self, events: Vec<Event>) -> Duration {
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, WINDOW)),
            time: Some(self.start.elapsed().as_secs_f64()),
            focused: true,
            events,
            ..RawInput::default()
        };
        let begin = Instant::now();
        let app = &mut self.app;
        let output = self.ctx.run_ui(input, |ui| drop(app.frame(ui)));
        black_box(self.ctx.tessellate(output.shapes, output.pixels_per_point));
        begin.elapsed()
    }

    /// Draws a frame when the screen would show the next one.
    fn paced(&mut self, events: Vec<Event>) -> Duration {
        self.next = (self.next + FRAME).max(Instant::now());
        std::thread::sleep(self.next.saturating_duration_since(Instant::now()));
        self.frame(events)
    }

    fn wheel(points: f32) -> Vec<Event> {
        let at = pos2(WINDOW.x * 0.6, WINDOW.y * 0.5);
        let delta = vec2(0.0, points);
        let wheel = Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta,
            phase: TouchPhase::Move,
            modifiers: Modifiers::NONE,
        };
        vec![Event::PointerMoved(at), wheel]
    }

    /// Scrolls so many frames and takes their times.
    fn scroll(&mut self, frames: usize, points: f32) -> anyhow::Result<Sample> {
        let mut times = Sample::new()?;
        for _ in 0..frames {
            times.add(self.paced(Self::wheel(points)));
        }
        Ok(times)
    }

    fn items(&self) -> usize {
        self.app.model().open_chat().map_or(0, |chat| chat.timeline.items().len())
    }

    fn is_at_the_top(&self) -> bool {
        self.app.model().open_chat().is_some_and(|chat| chat.timeline.is_complete())
    }

    fn is_ready(&self) -> bool {
        let rooms = self.app.model().rooms.as_deref().unwrap_or_default();
        !rooms.is_empty() && rooms.iter().all(|room| !matches!(room.sync, SyncState::Syncing { .. }))
    }
}

fn tell_times(name: &str, times: &Sample) {
    tell(&format!("{name}_p50"), times.p50());
    tell(&format!("{name}_p99"), times.micros(0.99));
    tell(&format!("{name}_max"), times.micros(1.0));
}

/// The app, in this process.
pub fn part(dir: &Path, profile: &str, archive: &str, quick: bool) -> anyhow::Result<()> {
    // As the app's own runtime.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let _entered = runtime.enter();
    let start = Instant::now();
    let (node, room) = runtime.block_on(async {
        let mut config = NodeConfig::new(Some(profile.into()), Some(dir.to_owned()));
        (config.mdns, config.ports, config.connect) = (false, ANY_PORTS, vec![archive.to_owned()]);
        let node = Node::start(config).await?;
        let Reply::Rooms(rooms) = node.handle().call(Command::Rooms).await? else { anyhow::bail!("no rooms") };
        let room: RoomSummary = rooms.into_iter().next().ok_or_else(|| anyhow::anyhow!("no room"))?;
        anyhow::Ok((node, room.room))
    })?;
    let mut screen = Screen::new(node.handle(), Look { room: Some(room), ..Look::default() });
    open(&mut screen, start)?;
    scroll(&mut screen, quick)?;
    rest(&mut screen, if quick { 5 } else { 30 })?;
    drop(screen);
    runtime.block_on(node.shutdown());
    Ok(())
}

/// The first frames, until everything is read.
fn open(screen: &mut Screen, start: Instant) -> anyhow::Result<()> {
    let mut first = None;
    while !screen.is_ready() || screen.items() < 100 {
        anyhow::ensure!(start.elapsed() < PATIENCE, "the room was not read within {PATIENCE:?}");
        screen.paced(Vec::new());
        if screen.items() >= 60 {
            first.get_or_insert_with(|| start.elapsed());
        }
    }
    tell("first_us", first.unwrap_or_default().as_secs_f64() * 1e6);
    tell("ready_us", start.elapsed().as_secs_f64() * 1e6);
    screen.scroll(120, 0.0)?;
    tell("open_mb", own_resident_mb()?);
    Ok(())
}

/// A person scrolls up, then up to the beginning, then down again.
fn scroll(screen: &mut Screen, quick: bool) -> anyhow::Result<()> {
    let frames = if quick { 120 } else { 1_800 };
    let before = own_cpu_seconds()?;
    let near = screen.scroll(frames, NOTCH)?;
    tell("near_frames", frames as f64);
    tell("near_cpu", (own_cpu_seconds()? - before) / frames as f64 * 1e6);
    tell_times("near", &near);
    tell("near_mb", own_resident_mb()?);
    let (mut top, begin) = (Sample::new()?, Instant::now());
    while !screen.is_at_the_top() {
        anyhow::ensure!(begin.elapsed() < TO_THE_TOP, "the beginning was not reached: {} messages", screen.items());
        top.add(screen.frame(Screen::wheel(3.0 * WINDOW.y)));
    }
    tell("top_s", begin.elapsed().as_secs_f64());
    tell("items", screen.items() as f64);
    tell_times("top", &top);
    tell_times("all", &screen.scroll(frames / 3, -NOTCH)?);
    tell("all_mb", own_resident_mb()?);
    Ok(())
}

/// Draws only when the app wants to be drawn.
fn rest(screen: &mut Screen, seconds: u64) -> anyhow::Result<()> {
    let mut spend = |time: Duration| {
        let (begin, mut frames) = (Instant::now(), 0);
        while begin.elapsed() < time {
            std::thread::sleep(Duration::from_millis(5));
            if screen.wakes.take() {
                screen.frame(Vec::new());
                frames += 1;
            }
        }
        frames
    };
    // What scrolling left behind (smoothing, fading bars) comes to rest first.
    spend(Duration::from_secs(3));
    let before = own_cpu_seconds()?;
    let frames = spend(Duration::from_secs(seconds));
    tell("idle_frames", f64::from(frames));
    tell("idle_s", seconds as f64);
    tell("idle_percent", (own_cpu_seconds()? - before) / seconds as f64 * 100.0);
    Ok(())
}

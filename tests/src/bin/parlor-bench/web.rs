//! The app in a browser: what is loaded, the first frame, joining, scrolling. Chromium without a screen and
//! without a graphics card, over loopback.

use anyhow::Context as _;
use parlor_archive::{Archive, WebConfig};
use parlor_tests::{
    browser::{Browser, has_browser, page},
    visitor::Visitor,
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    big_room::{self, BigRoom},
    compare::runtime,
    join,
    parlor::until,
    sample::{Sample, median, show_micros},
    table::Outcome,
};

const BYTES_TARGET: u64 = 4 * 1024 * 1024;
const FRAME_TARGET_MS: f64 = 1_500.0;
const JOINED_TARGET_MS: f64 = 3_000.0;
const LONGEST_TARGET_US: f64 = 50_000.0;
/// A page that was built for trying things has a program larger than this.
const QUICK_BUILD: u64 = 13 * 1024 * 1024;

/// Runs before the page's own scripts: takes the time of each frame, of each task that browsers call
/// long (50 ms and more), and of the last Enter.
const WATCH: &str = "
    window.watched = { frames: [], tasks: [], enter: 0 };
    const ask = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = draw => ask(time => {
        const begin = performance.now();
        draw(time);
        window.watched.frames.push(performance.now() - begin);
    });
    addEventListener('keydown', key => { if (key.key === 'Enter') window.watched.enter = performance.now(); }, true);
    new PerformanceObserver(list => list.getEntries().forEach(task => window.watched.tasks.push(task.duration)))
        .observe({ type: 'longtask' });
";

/// Scrolls a notch of a quick wheel upwards in each of so many frames; answers with the time of each frame.
const SCROLL: &str = "
    const canvas = document.getElementById('parlor');
    const at = { clientX: innerWidth * 0.55, clientY: innerHeight * 0.5, bubbles: true, cancelable: true };
    canvas.dispatchEvent(new PointerEvent('pointermove', at));
    window.watched.frames = [];
    window.watched.tasks = [];
    return new Promise(done => {
        let left = FRAMES;
        const turn = () => {
            if (left-- === 0) return done(window.watched);
            canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: -120, ...at }));
            setTimeout(turn, 17);
        };
        turn();
    });
";

/// A room in an archive that serves the page.
struct House {
    archive: Archive,
    link: String,
    _dir: tempfile::TempDir,
}

impl House {
    async fn with(page: PathBuf, texts: usize) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let BigRoom { code, .. } = big_room::fill(&dir.path().join("archive"), texts).await?;
        let web = WebConfig { address: Some(([127, 0, 0, 1], 0).into()), dir: Some(page), ..WebConfig::default() };
        let archive = join::archive_with(&dir.path().join("archive"), None, web).await?;
        let site = archive.page().and_then(|page| page.links().into_iter().next()).context("no page is served")?;
        Ok(Self { archive, link: format!("{site}#{code}"), _dir: dir })
    }

    /// A browser that knows nothing yet, with the page loaded.
    async fn visitor(&self) -> Visitor {
        let browser = Browser::start(1120, 760).await;
        browser.runs_first(WATCH).await;
        Visitor::opens_in(browser, &self.link).await
    }
}

fn page_or_reason() -> Result<PathBuf, Outcome> {
    if !has_browser() {
        return Err(Outcome::skipped("chromedriver is not installed"));
    }
    page().ok_or_else(|| Outcome::skipped("there is no page; `cargo xtask web` builds it"))
}

/// Bytes that a browser loads, as they are sent, and of the program as it is.
fn sizes(page: &Path) -> anyhow::Result<(u64, u64)> {
    let (mut sent, mut program) = (0, 0);
    for file in fs::read_dir(page)? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        let size = file.metadata()?.len();
        sent += if name.ends_with(".gz") { size } else { 0 };
        program += if name.ends_with(".wasm") { size } else { 0 };
    }
    Ok((sent, program))
}

/// Joins as somebody on a shared machine; milliseconds to the first frame, and from the last key to the
/// first screenful of the room.
async fn join_in(visitor: &Visitor) -> anyhow::Result<(f64, f64)> {
    visitor.browser.keeps_nothing().await;
    visitor.browser.is_called("Visitor").await;
    visitor.browser.joins_by_link("kitchen").await;
    let mark = async |name: &str| {
        let script = format!("return performance.getEntriesByName('{name}')[0]?.startTime ?? null");
        visitor.browser.script(&script).await.as_f64()
    };
    until("the room is shown", async || mark("parlor-room-shown").await.is_some()).await?;
    let frame = mark("parlor-first-frame").await.context("no first frame")?;
    let shown = mark("parlor-room-shown").await.context("no room")?;
    let enter = visitor.browser.script("return window.watched.enter").await.as_f64().context("no key")?;
    Ok((frame, shown - enter))
}

/// Loading and joining.
pub fn load(quick: bool) -> anyhow::Result<Outcome> {
    let page = match page_or_reason() {
        Ok(page) => page,
        Err(outcome) => return Ok(outcome),
    };
    let (sent, program) = sizes(&page)?;
    let texts = if quick { 1_000 } else { 10_000 };
    let (mut frames, mut joins) = (Vec::new(), Vec::new());
    runtime()?.block_on(async {
        let house = House::with(page, texts).await?;
        for _ in 0..if quick { 1 } else { 5 } {
            let visitor = house.visitor().await;
            let (frame, join) = join_in(&visitor).await?;
            frames.push(frame);
            joins.push(join);
        }
        house.archive.shutdown().await;
        anyhow::Ok(())
    })?;
    let (rounds, frame, join) = (frames.len(), median(frames), median(joins));
    let is_met = sent <= BYTES_TARGET && frame <= FRAME_TARGET_MS && frame + join <= JOINED_TARGET_MS;
    let built = if program > QUICK_BUILD { "; NOT the page for release: build it with `cargo xtask web`" } else { "" };
    let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
    Ok(Outcome {
        figure: format!("{:.2} MB frame {frame:.0} ms joined {:.0} ms", mib(sent), frame + join),
        target: "<= 4 MB; <= 1.5 s; <= 3 s",
        met: Some(is_met),
        notes: vec![format!(
            "compressed, of {:.1} MB of program; first frame from the beginning of the navigation, in a browser that has \
             nothing of it yet; joined: the same and {join:.0} ms more from the last key to the first screenful of a \
             room of {texts} texts (what a person types between is not counted); median of {rounds}{built}",
            mib(program),
        )],
        ..Outcome::default()
    })
}

fn times(watched: &Value, what: &str) -> anyhow::Result<Sample> {
    let mut sample = Sample::new()?;
    for time in watched[what].as_array().into_iter().flatten().filter_map(Value::as_f64) {
        sample.add(Duration::from_secs_f64(time / 1000.0));
    }
    Ok(sample)
}

/// Scrolling.
pub fn scroll(quick: bool) -> anyhow::Result<Outcome> {
    let page = match page_or_reason() {
        Ok(page) => page,
        Err(outcome) => return Ok(outcome),
    };
    let texts = if quick { 1_000 } else { 10_000 };
    let count = if quick { 100 } else { 900 };
    let (joining, scrolling) = runtime()?.block_on(async {
        let house = House::with(page, texts).await?;
        let visitor = house.visitor().await;
        join_in(&visitor).await?;
        // No long task between two looks: everything has come.
        let tasks = async || visitor.browser.script("return window.watched.tasks.length").await;
        let mut before = Value::Null;
        until("everything has come", async || {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let now = tasks().await;
            std::mem::replace(&mut before, now.clone()) == now
        })
        .await?;
        let joining = visitor.browser.script("return window.watched").await;
        let scrolling = visitor.browser.script(&SCROLL.replace("FRAMES", &count.to_string())).await;
        house.archive.shutdown().await;
        anyhow::Ok((joining, scrolling))
    })?;
    let (frames, tasks) = (times(&scrolling, "frames")?, times(&scrolling, "tasks")?);
    let while_joining = times(&joining, "tasks")?;
    let longest = frames.micros(1.0).max(tasks.micros(1.0));
    Ok(Outcome {
        figure: format!("{} longest {}", frames.show(), show_micros(longest)),
        target: "no frame above 50 ms",
        met: Some(longest <= LONGEST_TARGET_US && frames.count() >= count / 2),
        notes: vec![format!(
            "{} frames drawn while a wheel turned {count} times by 120 points, through older messages that were read \
             meanwhile; time of the page's thread, drawing on the graphics process not counted; tasks of 50 ms and \
             more: {}; while joining {texts} texts: {}, longest {}",
            frames.count(),
            tasks.count(),
            while_joining.count(),
            show_micros(while_joining.micros(1.0))
        )],
        ..Outcome::default()
    })
}

//! What the app is like in a browser: on a phone and under a mouse, with what browsers have in place of a
//! desktop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_archive::Archive;
use parlor_gui::{pictures::png, widgets::QrPicture};
use parlor_node::Node;
use parlor_protocol::{RoomCode, RoomId};
use parlor_tests::{
    browser::{ALT, Browser, CTRL, ENTER, LEFT},
    real::{address, create, join, members, messages, node, send, texts, until},
    site::{archive_with, page_in_turn},
    skip::leave_out,
    window::guide_picture,
};
use serde_json::json;
use std::{env, path::PathBuf};

const PASSPHRASE: &str = "soup on the stove";
/// Where one writes on a phone.
const COMPOSER: (u32, u32) = (150, 804);
/// Where the newest messages are there.
const NEWEST: std::ops::Range<u32> = 420..510;
/// Where the send button is on a phone.
const SEND: (u32, u32) = (346, 804);

/// An archive that serves the page, and Anna with a room.
struct House {
    archive: Archive,
    anna: Node,
    room: RoomId,
    code: RoomCode,
    site: String,
    dir: tempfile::TempDir,
}

impl House {
    async fn new(page: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (archive, site) = archive_with(page, dir.path()).await;
        let anna = node(dir.path(), "Anna", &[address(archive.net())]).await;
        let (room, code) = create(&anna.handle(), "Kitchen").await;
        Self { archive, anna, room, code, site, dir }
    }

    /// Bea opens the page with the link and joins.
    async fn bea_joins(&self, browser: &Browser) {
        browser.open(&format!("{}#{}", self.site, self.code)).await;
        browser.until_loaded().await;
        browser.comes_in(PASSPHRASE, "Bea", "Kitchen").await;
    }

    async fn until_text(&self, text: &str) {
        until(text, async || texts(&self.anna.handle(), self.room).await.contains(&text.to_owned()).then_some(()))
            .await;
    }

    async fn ends(self) {
        self.anna.shutdown().await;
        self.archive.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_an_input_method_writes_once_and_fingers_send_and_go_back() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let house = House::new(page).await;
    let browser = Browser::start(500, 900).await;
    browser.is_a_phone().await;
    house.bea_joins(&browser).await;

    browser.taps(COMPOSER).await;
    browser.until_focused("Message").await;
    browser.composes(&["k", "か", "かん", "かんじ"], "漢字").await;
    browser.composes(&["하", "한"], "한").await;
    browser.composes(&[], "!").await;
    browser.taps(SEND).await;
    house.until_text("漢字한!").await;

    assert_eq!(texts(&house.anna.handle(), house.room).await, ["漢字한!"], "it came once");

    // The arrow at the top left leads back to the rooms, and the first room is opened from there.
    browser.taps((30, 30)).await;
    browser.until_title("Parlor").await;
    browser.taps((150, 190)).await;
    browser.until_title("Kitchen - Parlor").await;

    let style = "return getComputedStyle(document.getElementById('parlor')).height";
    assert_eq!(browser.says(style).await, "844px");
    // A keyboard that lies over the page, as Safari has it.
    let keyboard = "Object.defineProperty(visualViewport, 'height', { get: () => 500, configurable: true });
        visualViewport.dispatchEvent(new Event('resize'));";
    browser.script(keyboard).await;
    assert_eq!(browser.says(style).await, "500px");
    browser.script("delete visualViewport.height; visualViewport.dispatchEvent(new Event('resize'));").await;
    assert_eq!(browser.says(style).await, "844px");
    drop(browser);
    house.ends().await;
}

/// Stands in for the browser's notifications, and remembers what was asked of it.
const NOTIFICATIONS: &str = "
    window.told = [];
    window.asked = 0;
    window.Notification = class {
        static permission = 'default';
        static requestPermission() {
            window.asked += 1;
            window.Notification.permission = 'granted';
            return Promise.resolve('granted');
        }
        constructor(title, options) {
            this.title = title;
            this.body = options.body;
            window.told.push(this);
        }
        close() { this.closed = true; }
    };";

#[tokio::test(flavor = "multi_thread")]
async fn notifications_come_once_they_are_turned_on_and_lead_to_their_room() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let house = House::new(page).await;
    let browser = Browser::start(1000, 720).await;
    let early = json!({ "source": NOTIFICATIONS });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", &early).await;
    house.bea_joins(&browser).await;
    browser.presses(ALT, LEFT).await;
    browser.until_title("Parlor").await;

    let away = "document.hasFocus = () => false; window.dispatchEvent(new Event('blur'));";
    browser.script(away).await;
    send(&house.anna.handle(), house.room, "not told").await;
    browser.until_title("(1) Parlor").await;
    assert_eq!(browser.says("return window.asked + ' ' + window.told.length").await, "0 0", "nobody turned them on");

    browser.script("delete document.hasFocus; window.dispatchEvent(new Event('focus'));").await;
    browser.presses(CTRL, ',').await;
    browser.presses_part("Show new messages on the desktop while in the background").await;
    until("the browser is asked", async || (browser.says("return window.asked").await == "1").then_some(())).await;
    browser.types(&'\u{e00c}'.to_string()).await;
    browser.script(away).await;
    send(&house.anna.handle(), house.room, "soup is ready").await;
    until("it is told", async || {
        let told = browser.says("return window.told.map(one => one.title + ': ' + one.body).join()").await;
        (told == "Anna in Kitchen: soup is ready").then_some(())
    })
    .await;
    // The click brings the page to the front, and what is in the room counts as read.
    let click = "window.told[0].onclick(); delete document.hasFocus; window.dispatchEvent(new Event('focus'));";
    browser.script(click).await;
    browser.until_title("Kitchen - Parlor").await;
    drop(browser);
    house.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_picture_joins_a_link_opens_apart_and_other_scripts_are_drawn() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let house = House::new(page).await;
    let (_, other) = create(&house.anna.handle(), "Workshop").await;
    let browser = Browser::start(1000, 720).await;
    let early = "
        window.opened = []; window.drawn = '';
        window.open = (...how) => { window.opened.push(how.join(' ')); return null; };
        const draw = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...at) { window.drawn += text; draw.call(this, text, ...at); };";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": early })).await;
    house.bea_joins(&browser).await;

    send(&house.anna.handle(), house.room, "שלום").await;
    until("letters are drawn", async || {
        let drawn = browser.says("return window.drawn").await;
        "שלום".chars().all(|letter| drawn.contains(letter)).then_some(())
    })
    .await;
    send(&house.anna.handle(), house.room, "https://example.org/soup").await;
    until("both are there", async || (messages(&house.anna.handle(), house.room).await.len() >= 4).then_some(())).await;
    until("the link opens", async || {
        for y in NEWEST.step_by(10) {
            browser.clicks((420, y)).await;
        }
        let opened = browser.says("return window.opened[0] ?? ''").await;
        (opened == "https://example.org/soup _blank noopener,noreferrer").then_some(())
    })
    .await;

    // Light and dark follow what the browser is told to prefer.
    for (scheme, ground) in [("dark", "rgb(23, 26, 27)"), ("light", "rgb(253, 252, 250)")] {
        browser.prefers(scheme).await;
        until(scheme, async || {
            let color = browser.says("return getComputedStyle(document.body).backgroundColor").await;
            (color == ground).then_some(())
        })
        .await;
    }

    // The wheel with Ctrl is the browser's: nobody keeps it from making the page larger.
    let wheel =
        "const wheel = new WheelEvent('wheel', { deltaY: 100, ctrlKey: true, cancelable: true, bubbles: true });
        document.getElementById('parlor').dispatchEvent(wheel); return wheel.defaultPrevented";
    assert_eq!(browser.says(wheel).await, "false");

    // A picture of a code, pasted where a code is wanted.
    browser.presses(CTRL, 'j').await;
    browser.until_focused("Room code").await;
    let file = json!(png(&QrPicture::of(&other.link())).unwrap());
    let paste = format!(
        "const data = new DataTransfer();
        data.items.add(new File([new Uint8Array({file})], 'code.png', {{ type: 'image/png' }}));
        window.dispatchEvent(new ClipboardEvent('paste', {{ clipboardData: data, cancelable: true }}));"
    );
    browser.script(&paste).await;
    browser.until_told("The code is complete").await;
    browser.types(&ENTER.to_string()).await;
    browser.until_title("Workshop - Parlor").await;
    until("Anna sees Bea in the workshop", async || {
        let there = members(&house.anna.handle(), house.room).await;
        there.iter().any(|member| member.name == "Bea").then_some(())
    })
    .await;
    let refused: Vec<_> =
        browser.console().await.into_iter().filter(|line| line.contains("Content Security")).collect();
    assert!(refused.is_empty(), "{refused:?}");
    drop(browser);
    house.ends().await;
}

/// What Chromium hands on to screen readers: a role and a name for each part.
async fn handed_on(browser: &Browser) -> Vec<(String, String)> {
    let tree = browser.devtools("Accessibility.getFullAXTree", &json!({})).await;
    let text = |value: &serde_json::Value| value["value"].as_str().unwrap_or_default().to_owned();
    let nodes = tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false);
    nodes.map(|node| (text(&node["role"]), text(&node["name"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_drawn_is_told_to_screen_readers_which_press_it_and_hear_what_arrives() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let house = House::new(page).await;
    let browser = Browser::start(1000, 720).await;
    browser.open(&format!("{}#{}", house.site, house.code)).await;
    browser.until_loaded().await;
    browser.until_focused("New passphrase").await;
    browser.types(PASSPHRASE).await;
    browser.presses_part("The same again").await;
    browser.until_focused("The same again").await;
    browser.types(PASSPHRASE).await;
    let tree = handed_on(&browser).await;
    for (role, name) in
        [("heading", "Whose device is this?"), ("textbox", "New passphrase"), ("button", "Keep them here")]
    {
        assert!(tree.contains(&(role.to_owned(), name.to_owned())), "{role} {name} is not in {tree:?}");
    }
    let page = browser.says("return document.documentElement.outerHTML").await;
    assert!(!page.contains(PASSPHRASE), "a passphrase is not told");
    browser.presses_part("Keep them here").await;
    browser.is_called("Bea").await;
    browser.presses_part("Join").await;
    browser.until_title("Kitchen - Parlor").await;

    browser.until_focused("Message").await;
    send(&house.anna.handle(), house.room, "soup is ready").await;
    let news = "return document.getElementById('news').textContent";
    until("it is said", async || (browser.says(news).await == "Anna: soup is ready").then_some(())).await;
    let told = browser.until_told("text soup is ready").await;
    assert!(told.contains("button Actions for message of Anna at "), "{told}");

    browser.presses_part("Share code").await;
    browser.until_told("button Copy link").await;
    assert!(!browser.told().await.contains("soup is ready"), "what is behind a dialog is not told");
    browser.presses_part("Close").await;
    browser.until_told("text soup is ready").await;
    // Keys still go to the app.
    browser.presses_part("Message").await;
    browser.writes("coming").await;
    house.until_text("coming").await;
    drop(browser);
    house.ends().await;
}

/// The pictures of `docs/web.md`: one conversation in a window and on a phone.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_in_a_window_and_on_a_phone_for_the_guide() {
    if env::var_os("PARLOR_KEEP_PICTURES").is_none() {
        leave_out("it is for taking pictures; `cargo xtask pictures` does");
        return;
    }
    let Some((page, _turn)) = page_in_turn().await else { return };
    for (name, is_phone) in [("web", false), ("web-phone", true)] {
        let house = House::new(page.clone()).await;
        let anna = house.anna.handle();
        let at = [address(house.anna.net().unwrap()), address(house.archive.net())];
        let ben = node(house.dir.path(), "Ben", &at).await;
        join(&ben.handle(), &house.code).await;
        send(&anna, house.room, "There is soup on the stove. Who is hungry?").await;
        let me = "Me! Ten minutes: I am still in the workshop, with the bicycle.";
        send(&ben.handle(), house.room, me).await;
        house.until_text(me).await;
        send(&anna, house.room, "Fine. The recipe: https://example.org/soup/leeks-and-potatoes").await;
        let browser = Browser::start(1000, 720).await;
        if is_phone {
            browser.is_a_phone().await;
        }
        house.bea_joins(&browser).await;
        if is_phone {
            browser.taps(COMPOSER).await;
        }
        browser.writes("I bring bread").await;
        house.until_text("I bring bread").await;
        // Nothing moves any more.
        until("the picture stays", async || {
            let before = browser.picture().await;
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            (before == browser.picture().await).then_some(())
        })
        .await;
        let picture = browser.picture().await;
        assert!(picture.len() < 150_000, "{name} has {} bytes", picture.len());
        std::fs::write(guide_picture(name), picture).unwrap();
        drop(browser);
        ben.shutdown().await;
        house.ends().await;
    }
}

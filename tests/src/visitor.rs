//! A person at the page in a browser. What it shows is drawn, so it is known by the tab's title, by the
//! field that has the keyboard, and by what others receive.

use crate::browser::{ALT, Browser, CTRL, DOWN, ENTER, ESCAPE, LEFT, TAB};

/// How wide and tall the window is, in pixels.
const SIZE: (u32, u32) = (1000, 720);
/// The title while no room is open.
const NO_ROOM: &str = "Parlor";

/// Somebody with a browser.
#[derive(Debug)]
pub struct Visitor {
    /// Their browser.
    pub browser: Browser,
}

impl Visitor {
    /// Starts a browser, here or on a host of a [`Lan`](crate::lan::Lan), and opens the page.
    pub async fn opens(url: &str, host: Option<&str>) -> Self {
        Self::opens_in(Browser::start_on(host, SIZE.0, SIZE.1).await, url).await
    }

    /// Opens the page in this browser.
    pub async fn opens_in(browser: Browser, url: &str) -> Self {
        browser.open(url).await;
        browser.until_loaded().await;
        Self { browser }
    }

    /// Signs in on the first screen.
    pub async fn signs_in(&self, name: &str, password: &str) {
        self.browser.until_title("Welcome to Parlor").await;
        self.browser.presses_part("I have an account: sign in").await;
        self.browser.until_focused("User name").await;
        self.browser.types(&format!("{name}{TAB}")).await;
        self.browser.until_focused("Password").await;
        self.browser.types(&format!("{password}{ENTER}")).await;
        self.browser.until_title(NO_ROOM).await;
    }

    /// Makes a room; its code is shown then.
    pub async fn makes_a_room(&self, name: &str) {
        self.browser.presses_part("New room").await;
        self.browser.until_focused("Room name").await;
        self.browser.types(&format!("{name}{ENTER}")).await;
        self.browser.until_title(&in_room(name)).await;
    }

    /// Opens what the browser keeps, after the page was loaded anew.
    pub async fn unlocks(&self, passphrase: &str, title: &str) {
        self.browser.until_loaded().await;
        self.browser.until_title(NO_ROOM).await;
        self.browser.until_focused("Passphrase").await;
        self.browser.types(&format!("{passphrase}{ENTER}")).await;
        self.browser.until_title(title).await;
    }

    /// Writes into the open room.
    pub async fn says(&self, text: &str) {
        self.browser.writes(text).await;
    }

    /// Closes the room: what arrives then is counted in the title.
    pub async fn leaves_the_room(&self) {
        self.browser.presses(ALT, LEFT).await;
        self.browser.until_title(NO_ROOM).await;
    }

    /// Opens the only room again.
    pub async fn goes_to(&self, room: &str) {
        self.browser.presses(CTRL, DOWN).await;
        self.browser.until_title(&in_room(room)).await;
    }

    /// Reacts with 👍 to the topmost message on the screen, which somebody else wrote.
    pub async fn likes_the_topmost(&self) {
        self.browser.until_focused("Message").await;
        // What is not there yet cannot be gone to.
        let told = self.browser.until_told("Actions for message of ").await;
        let topmost = told.lines().find_map(|part| part.strip_prefix("button Actions for ")).expect("a message");
        self.browser.types(&TAB.to_string()).await;
        self.browser.until_focused(&format!("Actions for {topmost}")).await;
        self.browser.types(&ENTER.to_string()).await;
        self.browser.until_focused("React with 👍").await;
        self.browser.types(&ENTER.to_string()).await;
        self.browser.until_told("👍 from 1, yours too").await;
        self.browser.types(&ESCAPE.to_string()).await;
    }

    /// The page did nothing that its Content Security Policy forbids.
    ///
    /// # Panics
    /// When it did.
    pub async fn obeyed_the_policy(&self) {
        let lines = self.browser.console().await;
        let refused: Vec<_> = lines.iter().filter(|line| line.contains("Content Security")).collect();
        assert!(refused.is_empty(), "{refused:?}");
    }
}

/// The first screens.
impl Browser {
    /// Answers whose device this is: mine, with a passphrase.
    pub async fn keeps(&self, passphrase: &str) {
        self.until_focused("New passphrase").await;
        self.types(&format!("{passphrase}{TAB}")).await;
        self.until_focused("The same again").await;
        self.types(&format!("{passphrase}{ENTER}")).await;
    }

    /// Answers whose device this is: a shared one, keep nothing.
    pub async fn keeps_nothing(&self) {
        self.presses_part("Keep nothing").await;
    }

    /// Says a name on the first screen.
    pub async fn is_called(&self, name: &str) {
        self.until_title("Welcome to Parlor").await;
        self.until_focused("Your name").await;
        self.types(&format!("{name}{ENTER}")).await;
        self.until_title(NO_ROOM).await;
    }

    /// Joins the room whose code the page's address had.
    pub async fn joins_by_link(&self, room: &str) {
        // The dialog has the code already.
        self.until_told("The code is complete").await;
        self.until_focused("Room code").await;
        self.types(&ENTER.to_string()).await;
        self.until_title(&in_room(room)).await;
    }

    /// Writes into the open room.
    pub async fn writes(&self, text: &str) {
        self.until_focused("Message").await;
        self.types(&format!("{text}{ENTER}")).await;
    }

    /// Comes in by a link: answers all that the first screens ask, as somebody whose own device this is.
    pub async fn comes_in(&self, passphrase: &str, name: &str, room: &str) {
        self.keeps(passphrase).await;
        self.is_called(name).await;
        self.joins_by_link(room).await;
    }
}

fn in_room(room: &str) -> String {
    format!("{room} - Parlor")
}

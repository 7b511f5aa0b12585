//! Where the app runs, and what can be done there. The shell says it; the views show only what works, and
//! say why something does not.

/// A place to run at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// In a page of a browser: some keys belong to the browser, and nothing can be quit.
    pub is_browser: bool,
    /// With fingers rather than a mouse: there is a camera, and nothing hovers.
    pub is_touched: bool,
    /// Whether messages can be told to the desktop.
    pub notices: Notices,
}

/// Whether messages can be told to the desktop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notices {
    /// They can.
    #[default]
    Ready,
    /// The browser wants to be asked first.
    Unasked,
    /// The person told the browser not to let this page do it.
    Refused,
    /// The page came over plain http, and browsers let only others do it.
    Insecure,
    /// This browser has nothing of the kind for pages.
    Absent,
}

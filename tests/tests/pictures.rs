//! The pictures of the guide, from the real app: a person links a second device, and looks around on it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(target_os = "linux")]

use parlor_node::{Command, DeviceCommand, NodeHandle, Reply};
use parlor_protocol::{Name, Role, UserId};
use parlor_tests::{
    real::{address, archive, create, join, members, node, send, until},
    skip::{cannot_run, leave_out},
    window::{App, Screen, guide_picture, missing_tool, test_picture},
};
use std::path::Path;

/// Where things are on a screen of [`parlor_tests::window::SIZE`], in pixels from the top left.
mod at {
    pub(super) const USE_ANOTHER_DEVICE: (u32, u32) = (455, 489);
    pub(super) const SIGN_IN: (u32, u32) = (440, 528);
    pub(super) const CANCEL: (u32, u32) = (480, 492);
    pub(super) const DISMISS: (u32, u32) = (765, 98);
    pub(super) const ROOM_PAGE: (u32, u32) = (862, 30);
    pub(super) const RULES: (u32, u32) = (455, 281);
    pub(super) const CODES: (u32, u32) = (523, 281);
    pub(super) const BEN: (u32, u32) = (957, 130);
    pub(super) const COMPARE: (u32, u32) = (395, 511);
    pub(super) const YOUR_DEVICES: (u32, u32) = (406, 227);
    pub(super) const ADD: (u32, u32) = (408, 446);
}

/// Clicks, and takes a picture of what came of it.
struct Tour {
    screen: Screen,
    app: App,
    last: Option<Vec<u8>>,
}

impl Tour {
    /// Takes a picture for the guide.
    fn keep(&mut self, name: &str) {
        self.take(name, &guide_picture(name));
    }

    /// Takes a picture that is only looked at.
    fn look(&mut self, name: &str) {
        self.take(name, &test_picture(name));
    }

    fn take(&mut self, name: &str, picture: &Path) {
        self.screen.picture_at_rest(&self.app, picture);
        let now = std::fs::read(picture).unwrap();
        assert!(self.last.as_ref() != Some(&now), "nothing changed before {name}");
        assert!(now.len() < 150_000, "{name} has {} bytes", now.len());
        self.last = Some(now);
    }

    /// Closes a dialog, and waits until it is gone: until then it takes every click.
    fn close(&mut self) {
        self.screen.press("Escape");
        self.screen.picture_at_rest(&self.app, &test_picture("closed"));
    }

    fn click(&self, (x, y): (u32, u32)) {
        self.screen.click(x, y);
        // Out of the way, so that no tooltip comes.
        self.screen.point(2, 2);
    }
}

async fn user_of(handle: &NodeHandle, room: parlor_protocol::RoomId, name: &str) -> UserId {
    until("the member is known", async || {
        members(handle, room).await.into_iter().find(|member| member.name == name).and_then(|member| member.user)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_device_is_linked_in_the_window_and_shows_people_rules_codes_and_devices() {
    if std::env::var_os("PARLOR_KEEP_PICTURES").is_none() {
        leave_out("it clicks where things are and is for taking pictures; `cargo xtask pictures` does");
        return;
    }
    if let Some(tool) = missing_tool() {
        cannot_run(&format!("{tool} is not installed; `cargo xtask test` installs it"));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let archive_at = address(archive.net());
    let anna = node(dir.path(), "Anna", std::slice::from_ref(&archive_at)).await;
    let at = [address(anna.net().unwrap()), archive_at];
    let (ben, mara) = (node(dir.path(), "Ben", &at).await, node(dir.path(), "Mara", &at).await);
    let (kitchen, code) = create(&anna.handle(), "Kitchen").await;
    join(&ben.handle(), &code).await;
    join(&mara.handle(), &code).await;
    send(&anna.handle(), kitchen, "There is soup on the stove. Who is hungry?").await;
    let user = user_of(&anna.handle(), kitchen, "Mara").await;
    anna.handle().call(Command::SetRole { room: kitchen, user, role: Role::Owner }).await.unwrap();
    let label = Name::new("Mara's laptop").unwrap();
    let offer = Command::Device(Box::new(DeviceCommand::Offer { label }));
    let Ok(Reply::LinkOffered { code, .. }) = mara.handle().call(offer).await else { panic!("a code is offered") };

    let screen = Screen::start();
    let at = [vec![address(mara.net().unwrap())], at.to_vec()].concat();
    let app = App::start_on(&screen, dir.path(), "desktop", &at, "Mara's desktop");
    let mut tour = Tour { screen, app, last: None };
    tour.screen.await_window("^Welcome to Parlor$");
    tour.look("welcome");
    tour.click(at::SIGN_IN);
    tour.keep("sign-in");
    tour.click(at::CANCEL);
    tour.look("welcome-again");
    tour.click(at::USE_ANOTHER_DEVICE);
    tour.screen.types(&code.to_string());
    tour.keep("link");
    tour.screen.press("Return");
    tour.screen.await_window("^Parlor$");
    until("both of Mara's devices are in the kitchen", async || {
        let all = members(&anna.handle(), kitchen).await;
        let hers = all.iter().filter(|member| member.user == Some(user) && member.role == Role::Owner);
        (hers.count() == 2 && all.iter().all(|member| member.online || member.own)).then_some(())
    })
    .await;
    tour.screen.press("ctrl+k");
    tour.screen.types("Kitchen");
    tour.screen.press("Return");
    tour.screen.await_window("Kitchen - Parlor");
    tour.click(at::DISMISS);
    tour.look("linked");

    tour.click(at::ROOM_PAGE);
    tour.keep("room-people");
    tour.click(at::RULES);
    tour.keep("room-rules");
    tour.close();
    tour.click(at::ROOM_PAGE);
    tour.click(at::CODES);
    tour.keep("room-codes");
    tour.close();
    tour.click(at::BEN);
    tour.look("person");
    tour.click(at::COMPARE);
    tour.keep("safety-number");
    tour.close();

    tour.screen.press("ctrl+comma");
    tour.look("settings");
    tour.click(at::YOUR_DEVICES);
    tour.keep("devices");
    tour.click(at::ADD);
    tour.keep("add-device");
    tour.close();
    tour.screen.press("ctrl+q");
    assert!(tour.app.ended_well(), "the app ends when it is told to");
    anna.shutdown().await;
    ben.shutdown().await;
    mara.shutdown().await;
    archive.shutdown().await;
}

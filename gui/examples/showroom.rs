//! The app over a node without a network, with a conversation to look at.
//!
//! `cargo run -p parlor-gui --example showroom [-- many | first | failed]`

#![allow(clippy::indexing_slicing, missing_docs)]

use parlor_gui::{
    app::{App, Setting, Wish},
    config::{Look, Theme},
    fake::Fake,
    view,
};
use parlor_node::{Connection, Delivery, MessageBody, Peer, Reaction, SyncState};
use parlor_protocol::DeviceId;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

fn conversation(now: u64, many: bool) -> Fake {
    let fake = Fake::new("Ada Lindqvist");
    let me = fake.me();
    let bridge = fake.room("Bridge watch", now - 40 * MINUTE);
    let bo = fake.member(bridge, 1, "Bo Martins", true);
    let chen = fake.member(bridge, 2, "Chen Wei", true);
    let dana = fake.member(bridge, 3, "Dana", false);
    let eve = fake.member(bridge, 4, "Åse Østby", false);
    if many {
        let texts = [
            "ok",
            "on my way",
            "the barometer fell by three since noon, keep an eye on it please",
            "seen from the bow: two sails, one light",
        ];
        for index in 0..100_000_u64 {
            let author = [bo, chen, me, dana][(index / 3 % 4) as usize];
            fake.says(
                bridge,
                author,
                &format!("{index}: {}", texts[(index % 4) as usize]),
                now - 90 * DAY + index * 70_000,
            );
        }
        return fake;
    }
    let created = fake.message(bridge, me, MessageBody::RoomCreated, now - 2 * DAY);
    fake.put(created);
    for (device, at) in [(bo, 3), (chen, 9), (dana, 12)] {
        let joined = fake.message(bridge, device, MessageBody::Joined, now - 2 * DAY + at * MINUTE);
        fake.put(joined);
    }
    let yesterday = now - DAY;
    fake.says(bridge, bo, "Morning all. Tank gauge on the port side reads 40, yesterday it was 55. Can somebody check it against the dipstick?", yesterday);
    fake.says(bridge, bo, "I am in the engine room until ten.", yesterday + MINUTE);
    let dip = fake.says(bridge, chen, "Dipstick says 54. The gauge is wrong, not the tank 😊", yesterday + 14 * MINUTE);
    let send = |text: &str, at: u64, delivery: (u32, bool)| {
        let id = fake.says(bridge, me, text, at);
        fake.change(id, |message| {
            message.delivery = Delivery { stored: true, reached: delivery.0, of: 4, archived: delivery.1 }
        });
        id
    };
    let thanks = send("Thanks. I put a note on it so nobody trusts it tonight.", yesterday + 16 * MINUTE, (4, true));
    fake.change(dip, |message| {
        message.reactions =
            vec![Reaction { emoji: "👍".into(), by: vec![me, bo] }, Reaction { emoji: "🎉".into(), by: vec![dana] }]
    });
    let answer = fake.says(bridge, dana, "Spare sensor is in locker 3, second shelf.", yesterday + 25 * MINUTE);
    fake.change(answer, |message| message.reply_to = Some(thanks));
    let today = now - 58 * MINUTE;
    fake.says(bridge, eve, "Forecast for tonight: https://weather.ship.lan/tonight (gusts up to 34 knots after two, from the north-west).\n\nI moved the drill to Thursday because of it:\n  1. muster at 09:30\n  2. boats at 10:00\n  3. coffee", today);
    let edited = send("Good. Then I take the two o'clock watch with Bo.", today + 8 * MINUTE, (4, true));
    fake.change(edited, |message| message.edited = true);
    let gone = fake.says(bridge, bo, "wrong room", today + 10 * MINUTE);
    fake.change(gone, |message| message.body = MessageBody::Deleted);
    fake.says(bridge, bo, "Fine by me. ☕ is on you.", today + 11 * MINUTE);
    send("Deal", today + 12 * MINUTE, (2, true));
    fake.says(bridge, chen, "🎉", today + 13 * MINUTE);
    fake.says(bridge, chen, "Who has the key of the chart room?", today + 15 * MINUTE);
    send("It hangs behind the door", today + 16 * MINUTE, (1, false));
    send("On the left", today + 16 * MINUTE + 9_000, (0, false));
    fake.sync(bridge, SyncState::Complete);

    for (index, (name, text, ago, unread)) in [
        ("Galley", "Soup at noon, bread until it is gone", 3, 2),
        ("Class 7b", "Please bring the printed maps tomorrow", 130, 14),
        ("Engine room logbook", "All pumps checked, nothing to report", 60 * 26, 0),
        ("Family", "Call me when you are ashore ❤", 60 * 24 * 3, 0),
        ("Workshop, tools and spare parts of the second deck", "Who took the 13 mm spanner?", 60 * 24 * 40, 0),
    ]
    .into_iter()
    .enumerate()
    {
        let room = fake.room(name, now - ago * MINUTE);
        let who = fake.member(
            room,
            10 + index as u64,
            ["Rosa", "Mr. Kim", "Bo Martins", "Mum", "Piotr"][index],
            index % 2 == 0,
        );
        fake.says(room, who, text, now - ago * MINUTE);
        fake.unread(room, unread);
    }
    fake.connect(connection(bo, chen));
    fake
}

fn connection(bo: DeviceId, chen: DeviceId) -> Connection {
    let peer = |device, name: &str, archive, address: &str, transport: &str, rtt_us| Peer {
        device,
        name: name.into(),
        archive,
        used: archive,
        address: address.into(),
        transport: transport.into(),
        rtt_us,
    };
    Connection {
        listening: vec!["/ip4/192.168.1.20/tcp/4711".into(), "/ip4/192.168.1.20/udp/4711/quic-v1".into()],
        peers: vec![
            peer(bo, "Bo Martins", false, "/ip4/192.168.1.31/udp/4711/quic-v1", "quic", Some(740)),
            peer(chen, "Chen Wei", false, "/ip4/192.168.1.44/tcp/4711", "tcp", Some(2_310)),
            peer(DeviceId::from_bytes([9; 32]), "old-laptop", true, "/ip4/192.168.1.5/udp/4720/quic-v1", "quic", Some(510)),
        ],
        manual: vec!["10.0.4.7:4711".into()],
        archives: vec![DeviceId::from_bytes([9; 32])],
        hints: vec!["No multicast came in on wlan0 for a minute: the access point may keep machines apart. Machines that do not appear can be added by address in Settings.".into()],
    }
}

struct Showroom {
    app: Option<App<Fake>>,
}

impl eframe::App for Showroom {
    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        match &mut self.app {
            Some(app) => {
                for wish in app.frame(ui) {
                    if wish == Wish::Quit {
                        ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close);
                    }
                }
            }
            None => {
                egui::CentralPanel::default().show(ui, |ui| {
                    view::start_failed(ui, "profile \"default\" is already open in another Parlor (process 4711); close it, or start this one with --profile NAME");
                });
            }
        }
    }
}

fn main() -> eframe::Result {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let dark = std::env::args().any(|arg| arg == "dark");
    let mut options = eframe::NativeOptions::default();
    options.viewport = options.viewport.with_inner_size([1200.0, 780.0]).with_title("Parlor");
    eframe::run_native(
        "parlor-showroom",
        options,
        Box::new(move |cc| {
            let look = Look { theme: if dark { Theme::Dark } else { Theme::Light }, ..Look::default() };
            let setting = Setting {
                look,
                data_folder: "/home/ada/.local/share/parlor/profiles/default".into(),
                ..Setting::default()
            };
            parlor_gui::theme::install(&cc.egui_ctx);
            cc.egui_ctx.set_theme(look.preference());
            let now = (setting.clock)();
            let fake = if mode == "first" { Fake::new("") } else { conversation(now, mode == "many") };
            let app = (mode != "failed").then(|| App::new(&cc.egui_ctx, fake, setting));
            Ok(Box::new(Showroom { app }))
        }),
    )
}

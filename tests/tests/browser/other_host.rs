//! A browser on another host of the network, over plain http: what the most people have.

use parlor_tests::{
    lan::Lan,
    process::{Background, run},
    secrecy::reads_nothing,
    site::page_in_turn,
    visitor::Visitor,
};
use std::path::Path;

const PASSPHRASE: &str = "bread in the oven";
/// Which host has what.
const ARCHIVE: u8 = 0;
const ANNA: u8 = 1;
const BROWSER: u8 = 2;

fn archive_on(lan: &Lan, dir: &Path, page: &Path) -> Background {
    let mut command = lan.on(ARCHIVE, "parlor-archive", &dir.join("archive"));
    command.env("RUST_LOG", "trace,libp2p_gossipsub=info").arg("--web-dir").arg(page);
    let archive = Background::start(&mut command).unwrap();
    archive.wait_for("is running").unwrap();
    archive
}

fn anna(lan: &Lan, dir: &Path, args: &[&str]) -> std::process::Command {
    let mut command = lan.on(ANNA, "parlor", dir);
    command.args(["--profile", "Anna"]).args(args);
    command
}

/// Says something as Anna, and waits until the archive has it.
fn says(anna: &mut Background, text: &str) {
    anna.tell(&format!(r#"{{"cmd":"send","room":"kitchen","text":"{text}"}}"#)).unwrap();
    while !anna.wait_for(r#""archived":true"#).unwrap().1.contains(text) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_on_another_host_lives_through_cut_cables_and_a_killed_archive_that_reads_nothing() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let Some(lan) = Lan::with(3) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut archive = archive_on(&lan, dir.path(), &page);
    run(&mut anna(&lan, dir.path(), &["--wait", "0", "init", "--name", "Anna"])).unwrap();
    run(&mut anna(&lan, dir.path(), &["--wait", "0", "create", "kitchen"])).unwrap();
    let code = run(&mut anna(&lan, dir.path(), &["--wait", "0", "code", "kitchen"])).unwrap().trim().to_owned();
    let mut her = Background::start(&mut anna(&lan, dir.path(), &["run", "--json"])).unwrap();
    says(&mut her, "before anybody came");
    let site = format!("http://{}:47803/", Lan::address(ARCHIVE));

    let bea = Visitor::opens(&format!("{site}#{code}"), Some(lan.host(BROWSER))).await;
    assert_eq!(bea.browser.script("return window.isSecureContext").await, false, "plain http is what is tried");
    bea.browser.keeps(PASSPHRASE).await;
    bea.browser.is_called("Bea").await;
    bea.browser.joins_by_link("kitchen").await;
    bea.says("hello over plain http").await;
    her.until_said("hello over plain http").unwrap();

    // The cable is out: both go on writing, and find each other again.
    lan.cut(BROWSER);
    bea.says("written behind the cut").await;
    bea.leaves_the_room().await;
    says(&mut her, "while you were gone");
    lan.mend(BROWSER);
    her.until_said("written behind the cut").unwrap();
    bea.browser.until_title("(1) Parlor").await;
    bea.goes_to("kitchen").await;

    let mut log = archive.said();
    archive.kill().unwrap();
    bea.says("written without an archive").await;
    archive = archive_on(&lan, dir.path(), &page);
    her.until_said("written without an archive").unwrap();
    says(&mut her, "all well");
    assert!(her.stop().unwrap());

    // Nobody but the archive is up when the next one comes.
    let cai = Visitor::opens(&format!("{site}#{code}"), Some(lan.host(BROWSER))).await;
    cai.browser.keeps_nothing().await;
    cai.browser.is_called("Cai").await;
    cai.browser.joins_by_link("kitchen").await;
    cai.likes_the_topmost().await;
    let mut her = Background::start(&mut anna(&lan, dir.path(), &["run", "--json"])).unwrap();
    her.until_said("👍").unwrap();
    assert!(her.stop().unwrap());
    let history = run(&mut anna(&lan, dir.path(), &["history", "kitchen", "--offline"])).unwrap();
    let all = [
        "before anybody came",
        "hello over plain http",
        "written behind the cut",
        "while you were gone",
        "written without an archive",
        "all well",
    ];
    for text in all {
        assert_eq!(history.matches(text).count(), 1, "{text:?} in\n{history}");
    }
    for visitor in [bea, cai] {
        visitor.obeyed_the_policy().await;
    }
    assert!(archive.stop().unwrap());
    log.push_str(&archive.said());
    let typed = code.replace('-', "");
    let known = [&all[..], &["kitchen", "Anna", "Bea", "Cai", PASSPHRASE, &code, &typed]].concat();
    reads_nothing(&dir.path().join("archive"), &log, &known);
}

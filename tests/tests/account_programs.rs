//! Accounts with the real programs, on both stores: making one, signing in elsewhere, another
//! password, recovering, deleting; and who may make one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_tests::{house::House, mongodb::Server, skip::cannot_run};

const PASSWORD: &str = "correct horse battery";
const SECOND: &str = "another good password";
const THIRD: &str = "and one after a reset";

/// A house on the embedded store, and one on a database if there is any.
fn on_both_stores(settings: &[&str], database: &str, test: impl Fn(&House)) {
    test(&House::open(settings, None).unwrap());
    match Server::find() {
        Ok(server) => test(&House::open(settings, Some(server.uri(database))).unwrap()),
        Err(reason) => cannot_run(&reason.to_string()),
    }
}

/// The recovery key as it is printed: words with numbers, after the sentence.
fn recovery_key(said: &str) -> String {
    let (_, words) = said.split_once("\n\n").expect("the words come after the sentence");
    let words: Vec<_> = words.split_whitespace().filter(|word| word.parse::<u8>().is_err()).collect();
    assert_eq!(words.len(), 24, "{said}");
    words.join(" ")
}

#[test]
fn an_account_is_made_used_elsewhere_changed_recovered_and_deleted() {
    on_both_stores(&[], "parlor_accounts_whole", |house| {
        house.newcomer("anna").unwrap();
        house.ask("anna", &["create", "kitchen"]).unwrap();
        house.ask("anna", &["send", "kitchen", "soup is ready"]).unwrap();
        let words = recovery_key(&house.register("anna", "anna", PASSWORD).unwrap());
        assert!(house.ask("anna", &["account", "status"]).unwrap().contains("Signed in as anna"));

        // Another machine, and nobody else up: rooms, history, and the right to write.
        assert!(house.log_in("laptop", "anna", "wrong horse").is_err());
        house.log_in("laptop", "Anna", PASSWORD).unwrap();
        let history = house.ask("laptop", &["history", "kitchen"]).unwrap();
        assert!(history.contains("anna: soup is ready"), "{history}");
        house.ask("laptop", &["send", "kitchen", "on my way"]).unwrap();
        let history = house.ask("anna", &["history", "kitchen"]).unwrap();
        assert!(history.contains("anna: on my way"), "{history}");
        assert_eq!(house.ask("anna", &["account", "devices"]).unwrap().lines().count(), 2);

        // Another password: the old one opens nothing any more, and other machines are signed out.
        let (old, new) = (house.file(PASSWORD).unwrap(), house.file(SECOND).unwrap());
        let passwd = ["account", "passwd", "--password-file", &old, "--new-password-file", &new];
        assert!(house.ask("laptop", &passwd).unwrap().contains("is changed"));
        assert!(!house.opens("phone", "anna", PASSWORD).unwrap());
        assert!(house.opens("phone", "anna", SECOND).unwrap());
        assert!(house.refused("anna", &["account", "devices"]).unwrap().contains("not signed in"));
        house.ask("anna", &["account", "logout", "--yes"]).unwrap();
        house.log_in("anna", "anna", SECOND).unwrap();
        assert!(house.ask("anna", &["account", "devices"]).unwrap().contains("this one"));

        // Forgotten: a token sets a new password, and only the recovery key opens what is in the account.
        let token = house.token(&["reset", "anna"]).unwrap();
        let (key, third) = (house.file(&words).unwrap(), house.file(THIRD).unwrap());
        let recover = ["account", "recover", "anna", "--token", &token, "--recovery-file", &key];
        let recover: Vec<&str> = recover.into_iter().chain(["--new-password-file", &third]).collect();
        house.ask("tablet", &recover).unwrap();
        assert!(house.ask("tablet", &["history", "kitchen"]).unwrap().contains("anna: soup is ready"));
        assert!(house.refused("phone", &recover).unwrap().contains("used up"), "it works once");
        assert!(!house.opens("phone", "anna", SECOND).unwrap());
        assert!(house.opens("phone", "anna", THIRD).unwrap());

        // Deleted: nobody signs in any more, and what is on the machines stays there.
        let delete = ["account", "delete", "--yes", "--password-file"];
        let delete = |file| delete.into_iter().chain([file]).collect::<Vec<&str>>();
        assert!(house.refused("tablet", &delete(&new)).unwrap().contains("wrong"));
        house.ask("tablet", &delete(&third)).unwrap();
        assert!(!house.opens("phone", "anna", THIRD).unwrap());
        assert!(!house.users(&["list"]).unwrap().contains("anna"));
        assert!(house.ask("anna", &["history", "kitchen"]).unwrap().contains("on my way"));
        house.register("anna", "anna", PASSWORD).expect("the name is free again");
    });
}

#[test]
fn where_registration_needs_a_token_it_makes_one_account_and_no_second() {
    on_both_stores(&["--registration", "token"], "parlor_accounts_token", |house| {
        house.newcomer("anna").unwrap();
        house.newcomer("ben").unwrap();
        let password = house.file(PASSWORD).unwrap();
        let said = house.refused("anna", &["account", "register", "anna", "--new-password-file", &password]).unwrap();
        assert!(said.contains("a token is needed"), "{said}");
        let nonsense = ["account", "register", "anna", "--new-password-file", &password, "--token", "nonsense"];
        let said = house.refused("anna", &nonsense).unwrap();
        assert!(said.contains("token cannot be right"), "{said}");
        let token = house.token(&["token"]).unwrap();
        let with = |name: &str| {
            let args = ["account", "register", name, "--new-password-file", &password, "--token", &token];
            (house.ask(name, &args), house.opens("other", name, PASSWORD).unwrap())
        };
        assert!(matches!(with("anna"), (Ok(_), true)));
        assert!(matches!(with("ben"), (Err(_), false)), "it is used up");
    });
}

#[test]
fn where_registration_is_closed_only_a_token_for_the_name_opens_it() {
    on_both_stores(&["--registration", "closed"], "parlor_accounts_closed", |house| {
        house.newcomer("anna").unwrap();
        let password = house.file(PASSWORD).unwrap();
        let base = ["account", "register", "anna", "--new-password-file", &password];
        let said = house.refused("anna", &base).unwrap();
        assert!(said.contains("takes no new accounts") && said.contains("users add"), "{said}");
        let anybody = house.token(&["token"]).unwrap();
        let ben = house.token(&["add", "ben"]).unwrap();
        for token in [anybody, ben] {
            let with: Vec<&str> = base.into_iter().chain(["--token", &token]).collect();
            assert!(house.refused("anna", &with).unwrap().contains("used up"));
        }
        let anna = house.token(&["add", "anna"]).unwrap();
        let with: Vec<&str> = base.into_iter().chain(["--token", &anna]).collect();
        house.ask("anna", &with).unwrap();
        assert!(house.opens("laptop", "anna", PASSWORD).unwrap());
        let said = house.users(&["add", "anna"]).unwrap_err().to_string();
        assert!(said.contains("in use"), "{said}");
    });
}

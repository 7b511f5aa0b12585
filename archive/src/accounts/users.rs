//! What whoever runs the archive can do about accounts: `parlor-archive users ...`.

use clap::Subcommand;
use parlor_protocol::account::{AccessToken, UserName};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

use crate::store::{AccountRow, AccountStore, Pass, StoreError};

/// How long a token works, in milliseconds.
const TOKEN_FOR_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// How often a change is tried again when another one came first.
const RETRIES: usize = 8;

/// What can be done about accounts.
#[derive(Clone, Debug, Subcommand, Serialize, Deserialize)]
pub enum UsersAction {
    /// Shows all accounts.
    List,
    /// Makes a token with which one account with this name can be made, also where registration is closed.
    Add {
        /// The user name.
        name: String,
    },
    /// Makes a token with which one account can be made.
    Token,
    /// Makes a token with which the person can set a new password, once. Without the old password
    /// only the recovery key opens what is in the account.
    Reset {
        /// The user name.
        name: String,
    },
    /// Keeps an account from being used, until it is enabled again.
    Disable {
        /// The user name.
        name: String,
    },
    /// Lets an account be used again.
    Enable {
        /// The user name.
        name: String,
    },
    /// Deletes an account and its sealed vault. It cannot be undone.
    Remove {
        /// The user name.
        name: String,
    },
}

/// Carries out an action; the answer or the problem, in words.
pub(crate) async fn carry_out(
    store: &dyn AccountStore,
    action: UsersAction,
    rng: &mut (dyn CryptoRng + Send),
    now: u64,
) -> Result<String, String> {
    let words = |error: StoreError| error.to_string();
    match action {
        UsersAction::List => store.accounts().await.map(|rows| list(&rows)).map_err(words),
        UsersAction::Token => token(store, None, rng, now).await,
        UsersAction::Add { name } => {
            let name = user(&name)?;
            let rows = store.accounts().await.map_err(words)?;
            if rows.iter().any(|row| row.name.skeleton() == name.skeleton()) {
                return Err(format!("the name {name}, or one that looks like it, is in use; choose another"));
            }
            token(store, Some(name), rng, now).await
        }
        UsersAction::Reset { name } => {
            let token = AccessToken::random(rng);
            let pass = Pass { hash: token.hash(), expires: now + TOKEN_FOR_MS, name: None };
            change(store, &name, |row| row.reset = Some(pass.clone())).await?;
            Ok(format!(
                "Give this token to {name}: {token}\nIt sets a new password once, within a week: `parlor account \
                 recover`. The recovery key is needed to open what is in the account."
            ))
        }
        UsersAction::Disable { name } => {
            change(store, &name, |row| row.disabled = true).await?;
            Ok(format!("{name} can no longer sign in. Rooms that are on the person's machines stay there."))
        }
        UsersAction::Enable { name } => {
            change(store, &name, |row| row.disabled = false).await?;
            Ok(format!("{name} can sign in again."))
        }
        UsersAction::Remove { name } => {
            let user = user(&name)?;
            if store.remove_account(&user).await.map_err(words)? {
                Ok(format!("The account {name} and its vault are gone."))
            } else {
                Err(no_such(&name))
            }
        }
    }
}

fn user(name: &str) -> Result<UserName, String> {
    UserName::new(name).map_err(|error| error.to_string())
}

fn no_such(name: &str) -> String {
    format!("there is no account {name}; `parlor-archive users list` shows all")
}

async fn token(
    store: &dyn AccountStore,
    name: Option<UserName>,
    rng: &mut (dyn CryptoRng + Send),
    now: u64,
) -> Result<String, String> {
    let token = AccessToken::random(rng);
    let who = name.as_ref().map_or_else(|| "one account".to_owned(), |name| format!("the account {name}"));
    let pass = Pass { hash: token.hash(), expires: now + TOKEN_FOR_MS, name };
    store.put_pass(pass, now).await.map_err(|error| error.to_string())?;
    Ok(format!("Token: {token}\nIt makes {who}, once, within a week: `parlor account register --token -` asks for it."))
}

async fn change(store: &dyn AccountStore, name: &str, change: impl Fn(&mut AccountRow)) -> Result<(), String> {
    let user = user(name)?;
    for _ in 0..RETRIES {
        let row = store.account(&user).await.map_err(|error| error.to_string())?;
        let mut row = row.ok_or_else(|| no_such(name))?;
        change(&mut row);
        if store.change_account(row, None).await.map_err(|error| error.to_string())? {
            return Ok(());
        }
    }
    Err("the account changes all the time; try again in a moment".into())
}

fn list(rows: &[AccountRow]) -> String {
    if rows.is_empty() {
        return "There are no accounts yet.".to_owned();
    }
    let mut out = String::new();
    for row in rows {
        let state = if row.disabled { ", disabled" } else { "" };
        let devices = match row.devices.len() {
            1 => "1 device".to_owned(),
            devices => format!("{devices} devices"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}  {devices}, vault {} KiB{state}", row.name, row.vault.len / 1024);
    }
    out.trim_end().to_owned()
}

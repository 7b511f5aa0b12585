//! Single questions about the account: which devices there are, another name for one, signing one out.
//!
//! Asking twice does no harm, so a question whose answer was lost, because a connection was replaced by
//! a better one or the archive was busy, is asked again.

use parlor_protocol::{
    account::{AccountAnswer, AccountRequest},
    wire::{Answer, Request},
};

use super::job;
use crate::{
    command::Reply,
    engine::{Engine, io::CallId, sync::Asked, timers::Timer},
    error::CommandError,
    event::AccountDevice,
};

/// How often a question is asked again.
const REPEATS_MAX: u32 = 6;
/// How long after it was lost, in milliseconds.
const AGAIN_AFTER_MS: u64 = 500;

/// A question that was not answered yet.
#[derive(Debug)]
pub(super) struct Question {
    request: AccountRequest,
    repeats: u32,
    is_lost: bool,
}

impl Engine {
    /// One question about the account, whose answer is the command's.
    pub(super) fn ask_archive(&mut self, call: CallId, request: AccountRequest) {
        let Some(archive) = self.account.record.as_ref().map(|record| record.archive) else {
            return self.reply(Some(call), Err(CommandError::NotSignedIn));
        };
        if !self.connections.is_connected(archive) {
            return self.reply(Some(call), Err(CommandError::NoArchive));
        }
        self.account.questions.insert(call, Question { request: request.clone(), repeats: 0, is_lost: false });
        self.ask(archive, &Request::Account(request), Asked::AccountCall { call });
    }

    /// Asks again what was lost.
    pub(in crate::engine) fn repeat_questions(&mut self) {
        let archive = self.account.record.as_ref().map(|record| record.archive);
        let archive = archive.filter(|archive| self.connections.is_connected(*archive));
        let mut again = Vec::new();
        for (call, question) in &mut self.account.questions {
            if std::mem::take(&mut question.is_lost) {
                again.push((*call, question.request.clone()));
            }
        }
        for (call, request) in again {
            match archive {
                Some(archive) => self.ask(archive, &Request::Account(request), Asked::AccountCall { call }),
                None => self.on_account_call(call, None),
            }
        }
    }

    pub(in crate::engine) fn on_account_call(&mut self, call: CallId, answer: Option<Answer>) {
        let result = match answer {
            Some(Answer::Account(AccountAnswer::Done)) => Ok(Reply::Done),
            Some(Answer::Account(AccountAnswer::Devices(devices))) => {
                let me = self.me();
                let shown = devices.into_iter().map(|known| AccountDevice {
                    device: known.device.device,
                    name: known.device.name.as_str().to_owned(),
                    since: known.device.since,
                    // Kept to the hour, which may have begun before the sign-in.
                    last_seen: known.last_seen.map(|hour| hour.max(known.device.since)),
                    own: known.device.device == me,
                });
                Ok(Reply::AccountDevices(shown.collect()))
            }
            Some(Answer::Account(AccountAnswer::Refused(refusal))) => Err(job::refused(refusal)),
            _ => {
                if let Some(question) = self.account.questions.get_mut(&call)
                    && question.repeats < REPEATS_MAX
                {
                    question.repeats += 1;
                    question.is_lost = true;
                    self.timers.set(self.now.mono + AGAIN_AFTER_MS, Timer::Account);
                    return;
                }
                Err(CommandError::ArchiveSilent)
            }
        };
        self.account.questions.remove(&call);
        self.reply(Some(call), result);
    }
}

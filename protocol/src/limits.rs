//! Every limit of the wire in one place, each with its reason.

/// Longest name of a person, device or room, in bytes. Fits one line on a phone.
pub const NAME_MAX: usize = 64;
/// Longest message text, in bytes. About eight printed pages.
pub const TEXT_MAX: usize = 16 * 1024;
/// Longest body of an ordinary entry, in bytes. Keeps one entry within one gossip message.
pub const BODY_MAX: usize = 60 * 1024;
/// Longest body of an epoch entry, in bytes: 512 sealed keys of 112 bytes, 512 heads of
/// 80 bytes, 512 removed devices of 32 bytes and the settings do not fit in [`BODY_MAX`].
pub const EPOCH_BODY_MAX: usize = 192 * 1024;
/// Longest gossip message, in bytes: the largest entry and its envelope.
pub const GOSSIP_MAX: usize = EPOCH_BODY_MAX + 1024;
/// Most bytes in one page of entries.
pub const PAGE_MAX_BYTES: usize = 1024 * 1024;
/// Most entries in one page. One signature authenticates a page.
pub const PAGE_MAX_ENTRIES: usize = 256;
/// Longest frame of a request or an answer, in bytes, header included: a page and what describes it.
/// Each kind has a limit of its own below it (`wire/request.rs`, `wire/answer.rs`).
pub const WIRE_MAX: usize = PAGE_MAX_BYTES + 128 * 1024;
/// Most devices in a room.
pub const DEVICES_MAX: usize = 512;
/// Most logs in a room: a device opens a new one after a restore from backup.
pub const LOGS_MAX: usize = 2048;
/// Most logs of one device in a room: one restore a month for ten years.
pub const LOGS_OF_DEVICE_MAX: usize = 128;
/// Most logs in a room when a device that has one may open another: the places above are for the
/// first logs of newcomers.
pub const FURTHER_LOGS_MAX: usize = LOGS_MAX / 2;
/// Most epochs of a room: one a day for eleven years.
pub const EPOCHS_MAX: usize = 4096;
/// Most epochs that devices of one person begin in a room, so that one who was an owner cannot use
/// up all places.
pub const EPOCHS_OF_USER_MAX: usize = 2048;
/// Most owners of a room at one time: everybody in it.
pub const OWNERS_MAX: usize = DEVICES_MAX;
/// Most devices that the records of one person remove, among the ancestors of each: a whole room,
/// eight times.
pub const EPOCH_REMOVED_OF_USER_MAX: usize = 8 * DEVICES_MAX;
/// Most bytes of memory that the records of one person take, among the ancestors of each. A change of
/// the key of a full room takes five kilobytes.
pub const EPOCH_BYTES_OF_USER_MAX: usize = 16 * 1024 * 1024;
/// Most bytes of memory that all records of a room take: two people at their limit.
pub const EPOCH_BYTES_MAX: usize = 2 * EPOCH_BYTES_OF_USER_MAX;
/// Most devices and people that the records of a room name, ever.
pub const EPOCH_NAMES_MAX: usize = 65_536;
/// Most epochs that are named to say what is known.
pub const EPOCH_TIPS_MAX: usize = 64;
/// Longest sealed settings of an epoch, in bytes: 512 roles of some 75 bytes.
pub const SETTINGS_MAX: usize = 48 * 1024;
/// Most members in one roster: each takes about 450 bytes of a content.
pub const ROSTER_MAX: usize = 100;
/// Longest time after which messages vanish, or that a person has to wait between two messages, in
/// milliseconds: ten years.
pub const SPAN_MAX_MS: u64 = 10 * 366 * 24 * 60 * 60 * 1000;
/// Most epochs whose keys one record or wrap brings along for history.
pub const LINKS_MAX: usize = 64;
/// Most parents of an epoch.
pub const EPOCH_PARENTS_MAX: usize = 16;
/// Most entries one session seals; a new one is opened then.
pub const SESSION_ENTRIES_MAX: u64 = 65_536;
/// Most entries of a tail: more than a tall screen shows.
pub const TAIL_MAX: usize = 200;
/// Most entries with which somebody may knock: a room of two begins with four, then come its first
/// texts.
pub const KNOCK_MAX_ENTRIES: usize = 16;
/// Most bytes of them together.
pub const KNOCK_MAX_BYTES: usize = 96 * 1024;
/// Most bytes that one peer may have under way to us.
pub const PEER_IN_FLIGHT_MAX: usize = 64 * 1024 * 1024;
/// Longest reaction, in bytes: one emoji with its modifiers.
pub const REACTION_MAX: usize = 64;
/// Fewest characters of a passphrase: shorter ones are quickly guessed by whoever has the file.
pub const PASSPHRASE_MIN_CHARS: usize = 8;
/// Longest passphrase, in bytes.
pub const PASSPHRASE_MAX: usize = 1024;
/// Smallest padded content, in bytes: most chat lines look alike.
pub const PADDING_FLOOR: usize = 256;
/// How far ahead of our clock a message's time is shown at most, in milliseconds.
pub const CLOCK_AHEAD_MAX_MS: u64 = 5 * 60 * 1000;
/// Longest user name, in bytes: what one types at every machine.
pub const USER_NAME_MAX: usize = 64;
/// Longest password, in bytes: a long sentence in any writing.
pub const PASSWORD_MAX: usize = 1024;
/// Fewest characters of a password that is chosen.
pub const PASSWORD_MIN_CHARS: usize = 8;
/// Longest sealed vault, in bytes: some thousand epochs of rooms. It fits a request.
pub const VAULT_MAX: usize = 768 * 1024;
/// Shortest padded vault, in bytes: most accounts look alike.
pub const VAULT_FLOOR: usize = 4 * 1024;
/// Most devices that are signed in to one account.
pub const ACCOUNT_DEVICES_MAX: usize = 64;
/// Longest handshake message of a link, in bytes: an ephemeral key, a tag and a length.
pub const LINK_HANDSHAKE_MAX: usize = 96;
/// Most bytes that a link hands over: what a vault holds, and what the device is called.
pub const LINK_MAX: usize = VAULT_MAX + 1024;
/// Longest sealed question of one own device to another, in bytes.
pub const OWN_ASK_MAX: usize = 128;
/// The last step of an epoch's chain of keys; its key is what the epoch's id commits to.
pub const STEP_LAST: u32 = 1024;
/// Most devices that one entry sends out: all that one person may have in a room.
pub const OUT_DEVICES_MAX: usize = OWN_DEVICES_MAX;
/// Most devices of one person in a room.
pub const OWN_DEVICES_MAX: usize = 64;
/// Longest wrap of a key for a code, in bytes: with the keys of [`LINKS_MAX`] earlier epochs.
pub const WRAP_MAX: usize = 12 * 1024;
/// Most wraps in one message; they fit one with all of them at their longest.
pub const WRAPS_MAX: usize = 64;
/// Most offers in the answer to a look: more heads than a room has, and its steps.
pub const OFFERS_MAX: usize = 64;
/// Most codes of one person that work at one time in a room.
pub const DOORS_OF_PERSON_MAX: usize = 64;
/// Most codes that work at one time in a room.
pub const DOORS_MAX: usize = 256;

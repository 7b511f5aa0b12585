//! What stands in, in a page, for what only a computer has: discovery, listening, the system. A page
//! reaches out to the archive that it came from, and to addresses that it knows.

pub(super) mod discovery;
pub(super) mod doors;
pub(super) mod listen;
mod socket;
pub(super) mod system;
pub(super) mod transport;

//! The account of this profile: what belongs to it, and how it goes from device to device.

mod bundle;

pub use bundle::{AccountBundle, BundleRoom, Stamp, Stamped};

//! What the tests of several parts together share: the simulator, real processes, several hosts.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod attacker;
pub mod browser;
pub mod door;
pub mod fingers;
pub mod house;
pub mod lan;
pub mod mongodb;
pub mod process;
pub mod real;
pub mod relay;
pub mod secrecy;
pub mod sim;
pub mod site;
pub mod skip;
pub mod strangers;
pub mod visitor;
pub mod window;

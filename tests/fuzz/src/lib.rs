//! The bodies of the fuzz targets, see `targets.rs`.

#![forbid(unsafe_code)]

pub mod targets;

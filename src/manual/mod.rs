//! Longer texts: how it works inside, and why the defaults are what they are. No code.

pub mod architecture;
pub mod authentication;
pub mod authorizers;
pub mod certificates;
pub mod cluster;
pub mod defaults;
pub mod grants;
pub mod webhook;

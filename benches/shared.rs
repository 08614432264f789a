//! What the benches and the count of allocations share: requests as stores see them, and a shop
//! with its sessions in memory. Everything is drawn from a seed.

pub(crate) mod requests;
pub(crate) mod shop;

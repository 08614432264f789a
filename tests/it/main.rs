//! The whole proxy, driven over in-memory connections; only the stores' servers are real sockets.
//! And the built program, driven from outside: its commands, and its demo by HTTP and by a browser.

#[cfg(test)]
mod support;

#[cfg(test)]
mod admin_api;
#[cfg(test)]
mod api;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod binary;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod console;
#[cfg(test)]
mod degraded;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod disk_faults;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod economy;
#[cfg(test)]
mod first_visit;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod handover;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod keepalive;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod listeners;
#[cfg(test)]
mod login;
#[cfg(test)]
mod looks;
#[cfg(test)]
mod mixed_load;
#[cfg(test)]
mod nginx;
#[cfg(test)]
mod observing;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod packaging;
#[cfg(test)]
mod pains;
#[cfg(test)]
mod passing;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod revoking;
#[cfg(test)]
mod schemathesis;
#[cfg(test)]
mod session_apps;
#[cfg(test)]
mod shared_store;
#[cfg(test)]
mod store_check;
#[cfg(test)]
mod store_contract;
#[cfg(test)]
mod strict;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod upstreams;
#[cfg(test)]
mod vtex;

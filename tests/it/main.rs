//! The whole proxy, driven over in-memory connections; only the stores' servers are real sockets.

#[cfg(test)]
mod support;

#[cfg(test)]
mod degraded;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod first_visit;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod login;
#[cfg(test)]
mod passing;
#[cfg(test)]
mod strict;
#[cfg(test)]
mod tokens;

//! Vestibule: a reverse proxy that stands in front of an online store and knows every shopper.
//!
//! # The way of a request
//!
//! [`flow::Flow::decide`] is this list in code; the proxy and `vestibule explain` both call it.
//! `docs/request-path.md` tells each stage's cost and what happens when it fails.
//!
//! 1. **Read strictly** ([`edge::read`]): size, framing, host, path; names of ours are removed.
//!    The account is found by host and root path ([`edge::running`]), the route by path
//!    ([`domain::access`]).
//! 2. **Inputs** ([`domain::inputs`]): presented tokens, captured cookies and query parameters.
//! 3. **Lookup** (`flow::lookup`): token → id → session. A token is recognised by its keyed hash
//!    or verified ([`domain::token`]); the store is asked ([`store`]); the law of time
//!    ([`domain::lifetime`]) says whether the session lives.
//! 4. **Which way** (`flow::returning`, `flow::visit`, `flow::ending`): nothing new, a change, a
//!    first visit, a session that ended, or nobody in particular.
//! 5. **Cycle** ([`domain::transform`], driven by `flow::run`): apps are called in rounds until
//!    nothing changes. The apps are in [`apps`], before them is the [`memo`]; those over HTTP are
//!    called through [`outbound`].
//! 6. **Keep** (`flow::change`): one save under the session's lock and version; a new id where
//!    who acts has changed.
//! 7. **Plans** ([`domain::plans`], `flow::plan`): headers ([`domain::headers`]), the segment,
//!    the signed context ([`domain::context`]), and the verdict ([`domain::access`]).
//! 8. **Upstream** ([`edge::upstream`], `edge::outgoing`): session headers and cookies are set on
//!    the copy that the store's server gets.
//! 9. **Response** (`flow::issue`, `edge::response`): which cookies leave ([`domain::cookies`])
//!    and what caches may keep.
//! 10. **Events** ([`flow::Event`], [`telemetry`]): metrics, log and audit, from one value each.
//!
//! A call of the Session API goes the same way, by [`flow::Flow::call`], and is answered by [`api`].
//! Pages keep sessions alive with a script that is served here ([`browser`]).
//!
//! # Two zones
//!
//! [`domain`] is pure: no clock, no randomness, no log, no IO; everything it needs comes as
//! arguments. Everything else may do IO and decides nothing. [`ports`] is what the flow asks of
//! the world. [`config`] turns files into checked values, [`assemble`] turns those into a running
//! whole, [`mod@serve`] opens the listeners, [`cli`] is the commands.

pub mod account;
pub mod admin;
pub mod api;
pub mod apps;
pub mod assemble;
pub mod browser;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod directory;
pub mod domain;
pub mod edge;
pub mod explain;
pub mod flow;
pub mod handover;
pub mod memo;
pub mod outbound;
pub mod ports;
pub mod quota;
pub mod reload;
pub mod serve;
pub mod store;
pub mod systemd;
pub mod telemetry;

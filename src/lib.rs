//! Vestibule: a reverse proxy that stands in front of an online store and knows every shopper.

pub mod account;
pub mod admin;
pub mod apps;
pub mod assemble;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod directory;
pub mod domain;
pub mod edge;
pub mod flow;
pub mod memo;
pub mod ports;
pub mod serve;
pub mod store;
pub mod telemetry;

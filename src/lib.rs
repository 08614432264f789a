//! Vestibule: a reverse proxy that stands in front of an online store and knows every shopper.

pub mod apps;
pub mod cli;
pub mod config;
pub mod demo;
pub mod directory;
pub mod domain;
pub mod ports;

//! Vestibule: a reverse proxy that stands in front of an online store and knows every shopper.

pub mod domain;

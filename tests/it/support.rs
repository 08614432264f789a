//! A shop with a strict origin, shoppers with cookie jars, and a clock that only tests move; and the
//! built program with clients of its own.

pub(crate) mod axe;
pub(crate) mod chromium;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod collector;
pub(crate) mod cut;
pub(crate) mod demo;
pub(crate) mod directory;
pub(crate) mod frames;
pub(crate) mod kept;
pub(crate) mod names;
pub(crate) mod origin;
pub(crate) mod program;
pub(crate) mod recorder;
pub(crate) mod reply;
pub(crate) mod service;
pub(crate) mod shop;
pub(crate) mod shopper;
pub(crate) mod spoofing;
pub(crate) mod street;
pub(crate) mod tls;
pub(crate) mod valkey;
pub(crate) mod vtex;

pub(crate) use client::Client;
pub(crate) use program::Demo;
pub(crate) use reply::Reply;
pub(crate) use service::Service;
pub(crate) use shop::Shop;
pub(crate) use shopper::{SCRIPT, SERVER, Shopper};
pub(crate) use street::Street;

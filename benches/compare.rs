//! What the comparison with other proxies needs of our own: bare pingora with this program's
//! allocator, profile and dependencies; sessions made as shoppers make them; a loader that keeps to
//! a rate and speaks HTTP/2. Driven by `benches/compare/run.py`: `make bench-compare`.

use std::ffi::OsString;

use clap::Parser;

#[path = "compare/bare.rs"]
mod bare;
#[path = "compare/fill.rs"]
mod fill;
#[path = "compare/load.rs"]
mod load;
#[path = "shared/passing.rs"]
mod passing;
#[path = "compare/wire.rs"]
mod wire;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One part of the comparison.
#[derive(Debug, Parser)]
enum Part {
    /// Serves bare pingora until told to stop.
    Bare(bare::Bare),
    /// Makes sessions by first visits through a proxy.
    Fill(fill::Fill),
    /// Sends requests and tells how it went.
    Load(load::Load),
}

fn main() {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // `cargo bench` runs this too, with arguments that are for others.
    let known = ["bare", "fill", "load"];
    let first = arguments.get(1).and_then(|first| first.to_str());
    if !first.is_some_and(|first| known.contains(&first)) {
        return;
    }
    match Part::parse_from(arguments) {
        Part::Bare(bare) => bare.serve(),
        Part::Fill(fill) => fill.run(),
        Part::Load(load) => load.run(),
    }
}

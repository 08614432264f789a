//! What a request costs in instructions, which no other work on the machine disturbs. To be run
//! under callgrind, with one function here for each case:
//!
//! `valgrind --tool=callgrind --toggle-collect='*::counted::*' BINARY --bench`
//!
//! What the past of sessions costs (decision 0034) is counted alone, and is no part of what the others
//! would cost without it: `--toggle-collect='vestibule::flow::past::Past::note'`. The number that
//! callgrind calls collected is then of `SESSIONS` first visits, since nothing else here runs a cycle
//! but the campaigns' first, of which there are a hundred, before them.

use std::hint::black_box;

use tokio::runtime::{Builder, Runtime};

mod shared;

use shared::requests::Request;
use shared::shop::{Kind, Shop};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many sessions there are, and how many requests of each kind are counted.
const SESSIONS: u64 = 2_000;

/// The parts that are counted; callgrind tells them apart by name.
mod counted {
    use super::{Kind, Request, Runtime, Shop, black_box};
    use vestibule::domain::inputs::read_inputs;
    use vestibule::ports::SessionStore as _;

    // Two functions of one text would be merged into one: each says something of its own.
    #[inline(never)]
    pub(crate) fn returning_anonymous(shop: &Shop, request: &Request) {
        black_box(Kind::Anonymous);
        black_box(shop.pass_at_once(request));
    }

    #[inline(never)]
    pub(crate) fn returning_authenticated(shop: &Shop, request: &Request) {
        black_box(Kind::Authenticated);
        black_box(shop.pass_at_once(request));
    }

    #[inline(never)]
    pub(crate) fn first_visit(shop: &Shop, runtime: &Runtime, request: &Request) {
        black_box(runtime.block_on(shop.pass(request)));
    }

    #[inline(never)]
    pub(crate) fn lookup(shop: &Shop, number: u64) {
        let id = super::shared::shop::id(number, Kind::Anonymous);
        black_box(shop.store.peek(id, false));
    }

    #[inline(never)]
    pub(crate) fn inputs(shop: &Shop, request: &Request) {
        black_box(read_inputs(&request.view(), &shop.account.inputs));
    }
}

fn main() {
    let shop = Shop::new();
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime of one thread can always be made");
    runtime.block_on(shop.fill_anonymous(SESSIONS));
    runtime.block_on(shop.fill_authenticated(SESSIONS));
    for number in 0..SESSIONS {
        counted::returning_anonymous(&shop, &shop.request(number, Kind::Anonymous));
        counted::returning_authenticated(&shop, &shop.request(number, Kind::Authenticated));
        counted::first_visit(&shop, &runtime, &Shop::first_visit(number % 50));
        counted::lookup(&shop, number);
        counted::inputs(&shop, &shop.request(number, Kind::Authenticated));
    }
}

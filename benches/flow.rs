//! A whole request without network: inputs, lookup, lifetime, plans, cookies on a plain 200.
//!
//! Over a million anonymous sessions and a hundred thousand authenticated ones, each iteration
//! another one at random; `floor/moka_lookup` is what finding it in the cache takes alone.

use std::sync::LazyLock;

use divan::Bencher;
use tokio::runtime::{Builder, Runtime};
mod shared;

use shared::requests::{Dice, Request};
use shared::shop::{Kind, Shop, id};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ANONYMOUS: u64 = 1_000_000;
const AUTHENTICATED: u64 = 100_000;

static SHOP: LazyLock<Shop> = LazyLock::new(|| {
    let shop = Shop::new();
    let runtime = runtime();
    runtime.block_on(shop.fill_anonymous(ANONYMOUS));
    runtime.block_on(shop.fill_authenticated(AUTHENTICATED));
    shop
});

fn main() {
    // Filled before anything is timed.
    LazyLock::force(&SHOP);
    divan::main();
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime of one thread can always be made")
}

fn pass(bencher: Bencher<'_, '_>, draw: impl FnMut() -> Request) {
    bencher
        .with_inputs(draw)
        .bench_local_refs(|request| drop(SHOP.pass_at_once(request)));
}

mod floor {
    use vestibule::ports::SessionStore as _;

    use super::{ANONYMOUS, Bencher, Dice, Kind, SHOP, id};

    #[divan::bench(sample_count = 500, sample_size = 64)]
    fn moka_lookup(bencher: Bencher<'_, '_>) {
        let mut dice = Dice(3);
        bencher
            .with_inputs(|| id(dice.roll() % ANONYMOUS, Kind::Anonymous))
            .bench_local_values(|id| SHOP.store.peek(id, false));
    }
}

#[divan::bench(sample_count = 500, sample_size = 64)]
fn returning_no_change(bencher: Bencher<'_, '_>) {
    let mut dice = Dice(1);
    pass(bencher, || {
        SHOP.request(dice.roll() % ANONYMOUS, Kind::Anonymous)
    });
}

#[divan::bench(sample_count = 500, sample_size = 64)]
fn returning_no_change_authenticated_25_values(bencher: Bencher<'_, '_>) {
    let mut dice = Dice(2);
    pass(bencher, || {
        SHOP.request(dice.roll() % AUTHENTICATED, Kind::Authenticated)
    });
}

#[divan::bench(sample_count = 100, sample_size = 16)]
fn first_visit(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let mut campaign = 0;
    bencher
        .with_inputs(|| {
            campaign += 1;
            Shop::first_visit(campaign % 50)
        })
        .bench_local_refs(|request| drop(runtime.block_on(SHOP.pass(request))));
}

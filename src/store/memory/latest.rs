//! The sessions that were used last, among all that are here.

use super::MemoryStore;
use crate::store::latest::{Latest, Picking, Wanted};

/// How many are looked at, however many there are: so that whoever asks has an answer soon.
const MOST: usize = 1 << 20;
/// How many are looked at between two chances for whatever else waits for the thread.
const AT_ONCE: usize = 4096;

impl MemoryStore {
    /// Live sessions that are here, the one that was used last first. They are looked at in the order
    /// of their ids, which is none: where not all are, those that are stand for the rest.
    pub(super) async fn latest_here(&self, wanted: Wanted<'_>) -> Latest {
        let mut picking = Picking::new(wanted);
        let (mut looked, mut since) = (0, 0);
        for see_all in self.index.tables() {
            if looked >= MOST {
                return picking.done(false);
            }
            see_all(&mut |resident| {
                picking.see(resident);
                looked += 1;
                since += 1;
            });
            if since >= AT_ONCE {
                since = 0;
                tokio::task::yield_now().await;
            }
        }
        picking.done(true)
    }
}

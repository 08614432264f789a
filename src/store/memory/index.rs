//! Finds what is under an id in three reads of memory, where a cache that orders what it holds by
//! use needs seven (decision 0032).

use std::sync::Arc;

use hashbrown::HashTable;
use parking_lot::RwLock;

use crate::domain::session::SessionId;
use crate::store::record::Resident;

/// Tables, each with its own lock: so many that readers seldom meet a writer, and that a table
/// that grows keeps nobody waiting.
const TABLES: usize = 256;

/// What is found: by bits of the id itself, which are random, so that a table grows without looking
/// at what it holds.
#[derive(Debug)]
struct Slot {
    bits: u64,
    resident: Arc<Resident>,
}

/// Every session, marker and tombstone of the caches, by its id.
#[derive(Debug)]
pub(super) struct Index {
    tables: Box<[RwLock<HashTable<Slot>>]>,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            tables: (0..TABLES).map(|_| RwLock::default()).collect(),
        }
    }

    /// What is under an id.
    #[inline]
    pub(super) fn get(&self, id: SessionId) -> Option<Arc<Resident>> {
        let (table, bits) = self.place(id)?;
        let table = table.read();
        let slot = table.find(bits, |slot| slot.is(bits, id))?;
        Some(Arc::clone(&slot.resident))
    }

    /// Puts something in the place of whatever is under its id.
    pub(super) fn put(&self, resident: &Arc<Resident>) {
        let id = resident.session().id;
        let Some((table, bits)) = self.place(id) else {
            return;
        };
        let mut table = table.write();
        let slot = Slot {
            bits,
            resident: Arc::clone(resident),
        };
        match table.find_mut(bits, |slot| slot.is(bits, id)) {
            Some(old) => *old = slot,
            None => drop(table.insert_unique(bits, slot, |slot| slot.bits)),
        }
    }

    /// Forgets this very one, if it is still there.
    pub(super) fn forget(&self, resident: &Arc<Resident>) {
        let Some((table, bits)) = self.place(resident.session().id) else {
            return;
        };
        let same = |slot: &Slot| Arc::ptr_eq(&slot.resident, resident);
        if let Ok(slot) = table.write().find_entry(bits, same) {
            drop(slot.remove());
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for table in &self.tables {
            *table.write() = HashTable::new();
        }
    }

    /// Its table, and its bits there. The other half of an id chooses the table.
    fn place(&self, id: SessionId) -> Option<(&RwLock<HashTable<Slot>>, u64)> {
        let [high, low] = id.halves();
        let table = usize::try_from(high).unwrap_or_default() % TABLES;
        Some((self.tables.get(table)?, low))
    }
}

impl Slot {
    fn is(&self, bits: u64, id: SessionId) -> bool {
        self.bits == bits && self.resident.session().id == id
    }
}

//! Finds what is under an id in three reads of memory, where a cache that orders what it holds by
//! use needs seven (decision 0032).

use std::sync::Arc;

use hashbrown::HashTable;
use parking_lot::RwLock;

use crate::domain::session::SessionId;
use crate::store::census::Census;
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

/// A part of what is found, and what that is.
#[derive(Debug, Default)]
struct Table {
    slots: HashTable<Slot>,
    census: Census,
}

/// What looks at each of them.
pub(super) type See<'a> = dyn FnMut(&Arc<Resident>) + 'a;

/// Every session, marker and tombstone of the caches, by its id.
#[derive(Debug)]
pub(super) struct Index {
    tables: Box<[RwLock<Table>]>,
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
        let slot = table.slots.find(bits, |slot| slot.is(bits, id))?;
        Some(Arc::clone(&slot.resident))
    }

    /// Puts something in the place of whatever is under its id.
    pub(super) fn put(&self, resident: &Arc<Resident>) {
        let id = resident.session().id;
        let Some((table, bits)) = self.place(id) else {
            return;
        };
        let mut table = table.write();
        let Table { slots, census } = &mut *table;
        let slot = Slot {
            bits,
            resident: Arc::clone(resident),
        };
        census.add(resident);
        match slots.find_mut(bits, |slot| slot.is(bits, id)) {
            Some(old) => {
                census.take(&old.resident);
                *old = slot;
            }
            None => drop(slots.insert_unique(bits, slot, |slot| slot.bits)),
        }
    }

    /// Forgets this very one, if it is still there.
    pub(super) fn forget(&self, resident: &Arc<Resident>) {
        let Some((table, bits)) = self.place(resident.session().id) else {
            return;
        };
        let mut table = table.write();
        let Table { slots, census } = &mut *table;
        if let Ok(slot) = slots.find_entry(bits, |slot| slot.holds(resident)) {
            census.take(resident);
            drop(slot.remove());
        }
    }

    /// One that was light is so no more; where it is counted, it is counted anew.
    pub(super) fn weighs(&self, resident: &Arc<Resident>) {
        let Some((table, bits)) = self.place(resident.session().id) else {
            return resident.weighs();
        };
        let mut table = table.write();
        let Table { slots, census } = &mut *table;
        if slots.find(bits, |slot| slot.holds(resident)).is_some() {
            census.take(resident);
            resident.weighs();
            census.add(resident);
        } else {
            resident.weighs();
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for table in &self.tables {
            *table.write() = Table::default();
        }
    }

    /// What there is.
    pub(super) fn census(&self) -> Census {
        let all = self.tables.iter().map(|table| table.read().census);
        all.fold(Census::default(), Census::with)
    }

    /// Everything that is found, a table at a time: each is seen whole, with its lock held, and
    /// nothing is held between two.
    pub(super) fn tables(&self) -> impl Iterator<Item = impl FnOnce(&mut See<'_>)> {
        self.tables.iter().map(|table| {
            move |see: &mut See<'_>| {
                let table = table.read();
                table.slots.iter().for_each(|slot| see(&slot.resident));
            }
        })
    }

    /// Its table, and its bits there. The other half of an id chooses the table.
    fn place(&self, id: SessionId) -> Option<(&RwLock<Table>, u64)> {
        let [high, low] = id.halves();
        let table = usize::try_from(high).unwrap_or_default() % TABLES;
        Some((self.tables.get(table)?, low))
    }
}

impl Slot {
    fn is(&self, bits: u64, id: SessionId) -> bool {
        self.bits == bits && self.resident.session().id == id
    }

    fn holds(&self, resident: &Arc<Resident>) -> bool {
        Arc::ptr_eq(&self.resident, resident)
    }
}

//! The files on disk: one fjall database with a keyspace for each kind of record. Blocking.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

/// Memory for blocks that were read; hot sessions are cached whole before they come here.
const CACHE_BYTES: u64 = 32 << 20;
/// What is written before it goes from the journal to tables: bounds what a start reads again.
const MEMTABLE_BYTES: u64 = 16 << 20;
/// The least that the engine allows.
const JOURNAL_BYTES: u64 = 64 << 20;
/// What has to fit before a full disk counts as usable again.
const ROOM_BYTES: usize = 1 << 20;
const PROBE: &str = "room.probe";

/// A kind of record. The names are those of keyspaces on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Space {
    /// Sessions, markers and tombstones, by session id.
    Sessions,
    /// Last activity that came after the session was written, by session id.
    Seen,
    /// Logins, by the hash of their token.
    Logins,
    /// Who acts in which session: a person's key and a session's id, no value.
    Persons,
    /// Damaged records as they were found, by their old place.
    SetAside,
}

impl Space {
    pub(super) const ALL: [Self; 5] = [
        Self::Sessions,
        Self::Seen,
        Self::Logins,
        Self::Persons,
        Self::SetAside,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Seen => "seen",
            Self::Logins => "logins",
            Self::Persons => "persons",
            Self::SetAside => "set_aside",
        }
    }
}

/// One change; without a value, the record is removed.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) space: Space,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
}

/// A record with its key.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

/// An open database. Dropping the last handle closes it and gives its lock back.
pub(super) struct Engine {
    database: Database,
    spaces: [Keyspace; 5],
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    pub(super) fn open(folder: &Path) -> Result<Self, fjall::Error> {
        // Shoppers' fields lie there: nobody else's to read.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let database = Database::builder(folder)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .worker_threads(1)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let open = |space: Space| database.keyspace(space.name(), options);
        let [sessions, seen, logins, persons, set_aside] = Space::ALL.map(open);
        Ok(Self {
            spaces: [sessions?, seen?, logins?, persons?, set_aside?],
            database,
        })
    }

    fn space(&self, space: Space) -> &Keyspace {
        let [sessions, seen, logins, persons, set_aside] = &self.spaces;
        match space {
            Space::Sessions => sessions,
            Space::Seen => seen,
            Space::Logins => logins,
            Space::Persons => persons,
            Space::SetAside => set_aside,
        }
    }

    pub(super) fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, fjall::Error> {
        Ok(self.space(space).get(key)?.map(|value| value.to_vec()))
    }

    /// At most so many records from a key on.
    pub(super) fn from(
        &self,
        space: Space,
        key: &[u8],
        most: usize,
    ) -> Result<Vec<Entry>, fjall::Error> {
        let records = self.space(space).range(key..).take(most);
        let read = |record: fjall::Guard| {
            let (key, value) = record.into_inner()?;
            Ok((key.to_vec(), value.to_vec()))
        };
        records.map(read).collect()
    }

    /// Every key that begins so.
    pub(super) fn keys(&self, space: Space, prefix: &[u8]) -> Result<Vec<Vec<u8>>, fjall::Error> {
        let records = self.space(space).prefix(prefix);
        records.map(|record| Ok(record.key()?.to_vec())).collect()
    }

    /// Writes changes, all or none. `durable`: they are on disk when this returns; otherwise they
    /// survive the process, and the machine some seconds later.
    pub(super) fn commit(
        &self,
        changes: impl IntoIterator<Item = Change>,
        durable: bool,
    ) -> Result<(), fjall::Error> {
        let mode = if durable {
            PersistMode::SyncData
        } else {
            PersistMode::Buffer
        };
        let mut batch = self.database.batch().durability(Some(mode));
        for Change { space, key, value } in changes {
            match value {
                Some(value) => batch.insert(self.space(space), key, value),
                None => batch.remove(self.space(space), key),
            }
        }
        batch.commit()
    }
}

/// Whether the folder takes data: tried with a file that is removed again.
pub(super) fn has_room(folder: &Path) -> io::Result<()> {
    let probe = folder.join(PROBE);
    let written = File::create(&probe).and_then(|mut file| {
        file.write_all(&vec![0; ROOM_BYTES])?;
        file.sync_all()
    });
    let removed = fs::remove_file(&probe);
    written.and(removed)
}

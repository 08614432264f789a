//! What lies in a store on disk, reckoned from its records one by one. Pure: who reads them is elsewhere.

use std::collections::BTreeMap;

use super::engine::Space;
use super::key;
use super::pending::Key;
use crate::domain::session::Session;
use crate::domain::time::Millis;
use crate::ports::Kept;
use crate::store::codec::{self, CodecError, Record};
use crate::store::persons::{PersonKey, persons};

/// Records, and the bytes of their keys and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub records: u64,
    /// Bytes of keys and values; on disk they take less or more.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
    }
}

/// Everything that was found in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Live sessions of visitors whom nobody knows.
    pub anonymous: Amount,
    /// Live sessions of shoppers who are logged in.
    pub shoppers: Amount,
    /// Live sessions in which staff act.
    pub staff: Amount,
    /// What ids lead to that were replaced.
    pub markers: Amount,
    /// What is left of sessions that ended.
    pub tombstones: Amount,
    /// Sessions, markers and tombstones that have outlived themselves; whoever runs removes them.
    pub outlived: Amount,
    /// Logins that hold.
    pub logins: Amount,
    /// Logins that were ended, which is remembered until their tokens end.
    pub ended_logins: Amount,
    /// Logins whose tokens have ended.
    pub outlived_logins: Amount,
    /// Entries by which sessions are found by who acts in them.
    pub persons: Amount,
    /// Moments of activity that are newer than the session that they are of.
    pub activity: Amount,
    /// Entries of persons and moments of activity whose session is gone; whoever runs removes them.
    pub left_over: Amount,
    /// Damaged records that a process has found before, and keeps beside the others.
    pub set_aside: Amount,
    /// Records that a later Vestibule wrote, by their version.
    pub newer: BTreeMap<u8, Amount>,
    /// Damaged records, by their kind and what is wrong.
    pub damaged: BTreeMap<(&'static str, &'static str), Amount>,
    /// Parts of a kind of record that cannot be read at all.
    pub unreadable: BTreeMap<&'static str, u64>,
    /// Journals, with what was written last, that cannot be read.
    pub journals: u64,
}

impl Findings {
    /// Whether all of it can be used by this very program.
    pub fn is_good(&self) -> bool {
        self.newer.is_empty()
            && self.damaged.is_empty()
            && self.unreadable.is_empty()
            && self.journals == 0
    }

    /// Sessions that live.
    pub const fn live(&self) -> u64 {
        self.anonymous.records + self.shoppers.records + self.staff.records
    }

    fn wrong(&mut self, space: Space, error: CodecError, bytes: u64) {
        match error {
            CodecError::Newer(version) => self.newer.entry(version).or_default().add(bytes),
            CodecError::Damaged(why) => {
                let of = (space.name(), why);
                self.damaged.entry(of).or_default().add(bytes);
            }
        }
    }
}

/// What a record has to be held against.
pub(super) trait Beside {
    /// Another record, by its place.
    fn get(&self, space: Space, key: &[u8]) -> Option<Vec<u8>>;
}

/// Takes a record into account.
pub(super) fn reckon(
    findings: &mut Findings,
    beside: &impl Beside,
    (space, place, value): (Space, &[u8], &[u8]),
    now: Millis,
) {
    let bytes = (place.len() + value.len()) as u64;
    let looked = match (space, Key::try_from(place)) {
        (Space::SetAside, _) => {
            findings.set_aside.add(bytes);
            Ok(())
        }
        (Space::Persons, _) => person(findings, beside, place),
        (_, Err(_)) => Err(CodecError::Damaged("its key is none")),
        (Space::Sessions, Ok(key)) => session(findings, beside, (&key, value), now),
        (Space::Seen, Ok(key)) => seen(findings, beside, (&key, value)),
        (Space::Logins, Ok(_)) => login(findings, (place, value), now),
    };
    if let Err(error) = looked {
        findings.wrong(space, error, bytes);
    }
}

fn session(
    findings: &mut Findings,
    beside: &impl Beside,
    (place, value): (&Key, &[u8]),
    now: Millis,
) -> Result<(), CodecError> {
    let Record { kept, keep, at } = codec::read_record(value)?;
    let seen = beside.get(Space::Seen, place);
    // Damage of the other record is told where that one is looked at.
    let seen = seen.and_then(|seen| codec::read_seen(&seen).ok());
    let last = seen.map_or(at, |seen| seen.max(at));
    let amount = match &kept {
        _ if now > last.plus(keep) => &mut findings.outlived,
        Kept::Moved(_) => &mut findings.markers,
        Kept::Ended(_) => &mut findings.tombstones,
        Kept::Live(session) => {
            in_its_place(session, place)?;
            is_found_by_persons(session, beside, place)?;
            match (session.principal().staff.is_some(), session.authenticated()) {
                (true, _) => &mut findings.staff,
                (false, true) => &mut findings.shoppers,
                (false, false) => &mut findings.anonymous,
            }
        }
    };
    amount.add((place.len() + value.len()) as u64);
    Ok(())
}

fn in_its_place(session: &Session, place: &Key) -> Result<(), CodecError> {
    if key(session.id.as_u128()) == *place {
        return Ok(());
    }
    Err(CodecError::Damaged("it lies under another session's id"))
}

fn is_found_by_persons(
    session: &Session,
    beside: &impl Beside,
    place: &Key,
) -> Result<(), CodecError> {
    for person in persons(session) {
        let entry = [person.as_bytes().as_slice(), place].concat();
        if beside.get(Space::Persons, &entry).is_none() {
            return Err(CodecError::Damaged(
                "it is not found by who acts in it: ending or erasing all of theirs leaves it",
            ));
        }
    }
    Ok(())
}

fn person(findings: &mut Findings, beside: &impl Beside, place: &[u8]) -> Result<(), CodecError> {
    let of_person = size_of::<PersonKey>();
    let id = place.get(of_person..).map(Key::try_from);
    let Some(Ok(id)) = id else {
        return Err(CodecError::Damaged("its key is none"));
    };
    let record = beside.get(Space::Sessions, &id);
    // One of another version or a damaged one is told where it lies.
    let leads =
        record.is_some_and(|record| codec::read_head(&record).map_or(true, |head| head.live));
    let amount = if leads {
        &mut findings.persons
    } else {
        &mut findings.left_over
    };
    amount.add(place.len() as u64);
    Ok(())
}

fn seen(
    findings: &mut Findings,
    beside: &impl Beside,
    (place, value): (&Key, &[u8]),
) -> Result<(), CodecError> {
    codec::read_seen(value)?;
    let amount = match beside.get(Space::Sessions, place) {
        Some(_) => &mut findings.activity,
        None => &mut findings.left_over,
    };
    amount.add((place.len() + value.len()) as u64);
    Ok(())
}

fn login(
    findings: &mut Findings,
    (place, value): (&[u8], &[u8]),
    now: Millis,
) -> Result<(), CodecError> {
    let login = codec::read_login(value)?;
    let amount = if now >= login.expires {
        &mut findings.outlived_logins
    } else if login.ended().is_some() {
        &mut findings.ended_logins
    } else {
        &mut findings.logins
    };
    amount.add((place.len() + value.len()) as u64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::record::Login;

    const NOW: Millis = Millis::from_secs(1_700_000_000);

    /// Nothing but what is put there.
    struct Only(Vec<(Space, Vec<u8>, Vec<u8>)>);

    impl Beside for Only {
        fn get(&self, space: Space, key: &[u8]) -> Option<Vec<u8>> {
            let mut all = self.0.iter();
            let found = all.find(|(of, place, _)| *of == space && place == key);
            found.map(|(.., value)| value.clone())
        }
    }

    fn reckoned(space: Space, place: &[u8], value: &[u8]) -> Findings {
        let mut findings = Findings::default();
        let beside = Only(Vec::new());
        reckon(&mut findings, &beside, (space, place, value), NOW);
        findings
    }

    #[test]
    fn logins_are_told_apart_by_how_they_stand() {
        let later = NOW.plus(Duration::from_secs(1));
        let login = codec::write_login(&Login::new(NOW, later));
        let findings = reckoned(Space::Logins, &[7; 16], &login);
        let one = Amount {
            records: 1,
            bytes: 16 + login.len() as u64,
        };
        assert_eq!(findings.logins, one);
        assert!(findings.is_good());
        let over = codec::write_login(&Login::new(NOW, NOW));
        let findings = reckoned(Space::Logins, &[7; 16], &over);
        assert_eq!(findings.outlived_logins, one);
    }

    #[test]
    fn what_belongs_to_nothing_any_more_is_left_over_and_good() {
        let seen = codec::write_seen(NOW);
        let findings = reckoned(Space::Seen, &[7; 16], &seen);
        assert_eq!(findings.left_over.records, 1);
        let findings = reckoned(Space::Persons, &[7; 32], &[]);
        assert_eq!(findings.left_over.records, 1);
        assert!(findings.is_good());
    }

    #[test]
    fn a_later_version_and_damage_are_never_taken_for_one_another() {
        let findings = reckoned(Space::Sessions, &[7; 16], &[200, 0, 0, 0, 0, 1]);
        assert_eq!(findings.newer.keys().collect::<Vec<_>>(), [&200]);
        assert!(findings.damaged.is_empty() && !findings.is_good());
        let findings = reckoned(Space::Sessions, &[7; 16], &[1, 0, 0, 0, 0, 1]);
        let damaged: Vec<_> = findings.damaged.keys().collect();
        assert_eq!(damaged, [&("sessions", "its checksum differs")]);
        assert!(findings.newer.is_empty() && !findings.is_good());
    }

    #[test]
    fn what_was_set_aside_before_is_counted_and_no_trouble_of_today() {
        let findings = reckoned(Space::SetAside, b"sessions/x", &[0]);
        assert_eq!(findings.set_aside.records, 1);
        assert!(findings.is_good());
    }
}

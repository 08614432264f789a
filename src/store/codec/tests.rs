//! What is written is read again, in every later version too, and bytes of any kind never panic.

use std::fmt::Write as _;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::plans::SharedBody;
use crate::domain::session::field::known;
use crate::domain::session::{Body, Session, Slot, Upkeep};

fn session(body: &Body) -> Session {
    Session {
        id: SessionId::from_random(0x26d2_cb6c_213e_4936_9e2a_1d1e_299e_c33b),
        body: Arc::new(SharedBody::new(&"demostore".into(), body)),
        version: 7,
        created_at: Millis::from_secs(1_543_397_700),
        issued_at: Millis::from_secs(1_543_399_200),
        last_seen: Millis::from_millis(1_543_399_230_125),
        token: Some(TokenHash::from_u128(0xfeed)),
        logins: [TokenHash::from_u128(1), TokenHash::from_u128(u128::MAX)].into(),
        upkeep: Upkeep::of_marks(77, [(3, 2, Millis::from_secs(1_543_399_260))]),
    }
}

fn example() -> Session {
    let mut body: Body = [
        (known("public.sc"), json!("2")),
        (known("public.price"), json!(0.1)),
        (known("authentication.storeUserId"), json!("user-1")),
        (known("cookie.lists"), json!(["ação", null, {"deep": [1]}])),
    ]
    .into_iter()
    .collect();
    let beside = json!({"keepAlive": true}).as_object().unwrap().clone();
    body.put(known("account.id"), Slot::with_beside(json!("a"), beside));
    session(&body)
}

fn marker() -> Marker {
    Marker {
        account: "demostore".into(),
        to: SessionId::from_random(9),
        until: Millis::from_secs(1_543_399_230),
    }
}

const KEEP: Duration = Duration::from_mins(30);
const AT: Millis = Millis::from_secs(1_543_399_300);

fn same(one: &Session, other: &Session) {
    assert_eq!(one.id, other.id);
    assert_eq!(one.account(), other.account());
    assert_eq!(one.body.fields(), other.body.fields());
    assert_eq!(one.version, other.version);
    assert_eq!(one.times().created_at, other.times().created_at);
    assert_eq!(one.issued_at, other.issued_at);
    assert_eq!(one.last_seen, other.last_seen);
    assert_eq!(one.token, other.token);
    assert_eq!(one.logins, other.logins);
    assert_eq!(one.upkeep, other.upkeep);
}

/// The records of the golden file, by name.
fn golden() -> Vec<(&'static str, Vec<u8>)> {
    let ended = |successor| {
        Kept::Ended(Ended {
            session: Arc::new(example()),
            reason: Ending::Absolute,
            successor,
        })
    };
    let login = Login::read_back([AT, AT.plus(KEEP), AT], Some(Ending::Logout));
    vec![
        ("live", write_record(&Kept::Live(example()), KEEP, AT)),
        ("moved", write_record(&Kept::Moved(marker()), KEEP, AT)),
        ("ended", write_record(&ended(None), KEEP, AT)),
        ("succeeded", write_record(&ended(Some(marker())), KEEP, AT)),
        ("login", write_login(&login)),
        ("seen", write_seen(AT)),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn records_of_version_1_are_written_as_ever() {
    let written = golden()
        .iter()
        .fold(String::new(), |mut text, (name, bytes)| {
            writeln!(text, "{name} {}", hex(bytes)).unwrap();
            text
        });
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/store-records-v1.txt"
    );
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        written, kept,
        "version 1 lies on disks: a change needs a new version"
    );
}

#[test]
fn records_of_version_1_are_read_whole() {
    for (name, bytes) in golden() {
        match name {
            "live" => {
                let Record { kept, keep, at } = read_record(&bytes).unwrap();
                let Kept::Live(read) = kept else {
                    panic!("{name}")
                };
                same(&read, &example());
                assert_eq!((keep, at), (KEEP, example().last_seen));
            }
            "moved" => {
                let Record { kept, at, .. } = read_record(&bytes).unwrap();
                let Kept::Moved(read) = kept else {
                    panic!("{name}")
                };
                assert_eq!((read, at), (marker(), AT));
            }
            "ended" | "succeeded" => {
                let Kept::Ended(read) = read_record(&bytes).unwrap().kept else {
                    panic!("{name}")
                };
                same(&read.session, &example());
                assert_eq!(read.reason, Ending::Absolute);
                let successor = (name == "succeeded").then(marker);
                assert_eq!(read.successor, successor);
            }
            "login" => {
                let read = read_login(&bytes).unwrap();
                assert_eq!((read.created_at, read.expires), (AT, AT.plus(KEEP)));
                assert_eq!((read.last_seen(), read.ended()), (AT, Some(Ending::Logout)));
            }
            _ => assert_eq!(read_seen(&bytes), Ok(AT)),
        }
    }
}

#[test]
fn a_cookie_is_noted_without_the_rest_being_touched() {
    let record = write_record(&Kept::Live(example()), KEEP, AT);
    let noted = with_issue(&record, TokenHash::from_u128(5), AT).unwrap();
    let Kept::Live(read) = read_record(&noted).unwrap().kept else {
        panic!("not live")
    };
    assert_eq!(
        (read.token, read.issued_at),
        (Some(TokenHash::from_u128(5)), AT)
    );
    let (token, issued_at) = (example().token, example().issued_at);
    same(
        &Session {
            issued_at,
            token,
            ..read
        },
        &example(),
    );
}

#[test]
fn a_flipped_bit_anywhere_is_damage_or_a_newer_version() {
    for (name, bytes) in golden() {
        for at in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            let error = match name {
                "login" => read_login(&damaged).map(|_| ()),
                "seen" => read_seen(&damaged).map(|_| ()),
                _ => read_record(&damaged).map(|_| ()),
            };
            let error = error.expect_err(name);
            assert_eq!(
                matches!(error, CodecError::Newer(_)),
                at < 8 && at != 0,
                "{name} {at}"
            );
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inside| {
        prop_oneof![
            vec(inside.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,6}", inside, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_session_is_read_as_it_was_written(
        fields in btree_map("[a-z]{1,4}\\.[a-zA-Z.]{1,8}", (value(), proptest::option::of(value())), 0..8),
        version in any::<u64>(),
        token in proptest::option::of(any::<u128>()),
        logins in vec(any::<u128>(), 0..4),
        marks in vec((any::<u16>(), any::<u16>(), any::<i64>()), 0..4),
        seen in any::<i64>(),
    ) {
        let mut body = Body::new();
        for (name, (value, beside)) in fields {
            let beside = beside.map(|value| [("beside".to_owned(), value)].into_iter().collect());
            body.put(name.parse().unwrap(), Slot::with_beside(value, beside.unwrap_or_default()));
        }
        let marks = marks.into_iter().map(|(app, failures, due)| (app, failures, Millis::from_millis(due)));
        let written = Session {
            version,
            token: token.map(TokenHash::from_u128),
            logins: logins.into_iter().map(TokenHash::from_u128).collect(),
            upkeep: Upkeep::of_marks(version, marks),
            last_seen: Millis::from_millis(seen),
            ..session(&body)
        };
        let bytes = write_record(&Kept::Live(written.clone()), KEEP, AT);
        let head = read_head(&bytes).unwrap();
        prop_assert!(head.live);
        prop_assert_eq!((head.version, head.token, head.at), (version, written.token, written.last_seen));
        let Kept::Live(read) = read_record(&bytes).unwrap().kept else { panic!("not live") };
        same(&read, &written);
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in vec(any::<u8>(), 0..200), kind in 0_u8..6) {
        // With a good frame too, or nothing beyond the checksum would ever be tried.
        let mut writer = Writer::framed();
        writer.u8(kind);
        writer.raw(&bytes);
        for bytes in [bytes, seal(writer)] {
            drop(read_record(&bytes));
            prop_assert!(read_head(&bytes).is_ok() || read_record(&bytes).is_err());
            drop(read_login(&bytes));
            prop_assert_eq!(read_seen(&bytes), read_seen(&bytes));
            drop(with_issue(&bytes, TokenHash::from_u128(1), AT));
        }
    }
}

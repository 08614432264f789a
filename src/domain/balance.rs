//! How the requests of an upstream are shared among its servers.
//!
//! Everything here gives the same answer in every process: several proxies in front of the same
//! servers send one shopper to one server without a word between them.

/// By what a server is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// In turn.
    RoundRobin,
    /// The one with the fewest requests under way.
    LeastConnections,
    /// By the session: a shopper meets one server as long as it is there.
    Session,
}

/// The order of one round over servers of these weights, by their places in the list: each comes as
/// often as it weighs, and spread over the round rather than in a row (the smooth weighted turns of
/// nginx). Weights of 0 never come. Common factors are taken out, so that a round is short.
pub fn turns(weights: &[u16]) -> Vec<usize> {
    let common = weights
        .iter()
        .fold(0, |common, &weight| factor(common, weight))
        .max(1);
    let shares: Vec<i64> = weights
        .iter()
        .map(|&weight| i64::from(weight / common))
        .collect();
    let total: i64 = shares.iter().sum();
    let mut credit = vec![0; shares.len()];
    let mut round = Vec::new();
    for _ in 0..total {
        for (credit, share) in credit.iter_mut().zip(&shares) {
            *credit += share;
        }
        // Of equals the first: `max_by_key` would take the last.
        let richest = (0..credit.len())
            .rev()
            .max_by_key(|&at| credit.get(at).copied());
        if let Some((at, credit)) = richest.and_then(|at| Some((at, credit.get_mut(at)?))) {
            *credit -= total;
            round.push(at);
        }
    }
    round
}

/// Euclid's greatest common divisor.
const fn factor(mut one: u16, mut other: u16) -> u16 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// Whether a server with so many requests under way and such a weight is less busy than another.
/// The request to come counts too, so that of idle servers the heavier is first.
pub const fn less_busy((requests, weight): (u32, u16), (others, heavy): (u32, u16)) -> bool {
    (requests as u64 + 1) * (heavy as u64) < (others as u64 + 1) * (weight as u64)
}

/// What a server's address contributes to every draw.
pub fn seed(address: &str) -> u64 {
    // FNV-1a: the standard library's hashers may change from one release to the next.
    let hash = address
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    mix(hash)
}

/// How much a server attracts a session: the one that attracts it most gets it (rendezvous hashing).
/// A server that goes takes only its own sessions along, one that comes takes its share from all.
pub fn attraction(session: u128, seed: u64, weight: u16) -> f64 {
    let (high, low) = (session >> 64, session & u128::from(u64::MAX));
    let half = |half: u128| u64::try_from(half).unwrap_or_default();
    let drawn = mix(mix(half(low) ^ seed) ^ half(high));
    let drawn = u32::try_from(drawn >> 32).unwrap_or_default();
    let share = (f64::from(drawn) + 0.5) / (f64::from(u32::MAX) + 1.0);
    // A draw of an exponential clock that runs as fast as the server weighs: the first to ring wins
    // with a chance of its share of all weights.
    f64::from(weight) / -share.ln()
}

/// The last steps of `SplitMix64`: every bit of the result hangs on every bit of the number.
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_round_has_each_server_as_often_as_it_weighs_and_never_in_a_row_without_need() {
        let cases: [(&[u16], &[usize]); 6] = [
            (&[1, 1, 1], &[0, 1, 2]),
            (&[5, 1, 1], &[0, 0, 1, 0, 2, 0, 0]),
            (&[100, 200], &[1, 0, 1]),
            (&[0, 3], &[1]),
            (&[7], &[0]),
            (&[], &[]),
        ];
        for (weights, round) in cases {
            assert_eq!(turns(weights), round, "{weights:?}");
        }
    }

    #[test]
    fn the_less_busy_server_is_the_one_with_fewer_requests_for_its_weight() {
        let cases = [
            ((0, 1), (1, 1), true),
            ((1, 1), (1, 1), false),
            ((1, 1), (0, 1), false),
            ((0, 2), (0, 1), true),
            ((3, 4), (1, 2), false), // equally busy
            ((2, 4), (1, 2), true),
        ];
        for (one, other, less) in cases {
            assert_eq!(less_busy(one, other), less, "{one:?} {other:?}");
        }
    }

    /// Ids as they are drawn: random.
    fn ids() -> impl Iterator<Item = u128> {
        (0..20_000u64).map(|at| u128::from(mix(at + 1)) << 64 | u128::from(mix(at + 77_777)))
    }

    fn chosen(id: u128, servers: &[(u64, u16)]) -> usize {
        let attraction = |&at: &usize| attraction(id, servers[at].0, servers[at].1);
        (0..servers.len())
            .max_by(|one, other| attraction(one).total_cmp(&attraction(other)))
            .unwrap()
    }

    #[test]
    fn sessions_are_shared_by_weight_and_move_only_where_a_server_came_or_went() {
        let four = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"].map(seed);
        let four: Vec<_> = four.into_iter().zip([1, 1, 1, 2]).collect();
        let mut counts = [0_u32; 4];
        for id in ids() {
            let with_all = chosen(id, &four);
            counts[with_all] += 1;
            let without_last = chosen(id, &four[..3]);
            assert!(with_all == 3 || with_all == without_last);
        }
        for (at, expected) in [4_000, 4_000, 4_000, 8_000].into_iter().enumerate() {
            assert!(counts[at].abs_diff(expected) < 250, "{at}: {counts:?}");
        }
    }

    #[test]
    fn the_choice_is_the_same_in_every_release() {
        // Another answer would send every shopper elsewhere while an update rolls.
        let servers = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"].map(|name| (seed(name), 1));
        let chosen: Vec<_> = ids().take(12).map(|id| chosen(id, &servers)).collect();
        assert_eq!(chosen, [1, 2, 0, 0, 0, 1, 2, 1, 2, 2, 2, 0]);
    }

    proptest! {
        #[test]
        fn a_round_is_fair(weights in proptest::collection::vec(0..40u16, 0..6)) {
            let round = turns(&weights);
            let total: usize = weights.iter().map(|&weight| usize::from(weight)).sum();
            for (at, &weight) in weights.iter().enumerate() {
                let times = round.iter().filter(|&&one| one == at).count();
                prop_assert_eq!(times * total, usize::from(weight) * round.len());
            }
        }
    }
}

//! What a session is due for: apps past their age, verdicts that end, failed apps to try again.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::time::Millis;
use crate::domain::transform::{Graph, Outcome};

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_mins(1);
const NEVER: Millis = Millis::from_millis(i64::MAX);

/// One app's state in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    app: u16,
    /// Failures in a row; 0 where the last call was answered.
    failures: u16,
    /// When it is to be called again.
    due: Millis,
}

/// When which app is to be called again. Empty for most sessions most of the time, and one
/// comparison a request where nothing is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upkeep(Option<Box<Marks>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Marks {
    next: Millis,
    /// Of the apps that the marks are of; see [`Graph::order`]. Zero where there are none.
    order: u64,
    all: Vec<Mark>,
}

/// The apps that are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DueApps {
    /// Past their age, or their verdict ended: called for this request.
    pub aged: BTreeSet<usize>,
    /// Failed before: called beside the requests.
    pub pending: BTreeSet<usize>,
}

impl DueApps {
    /// Whether nothing is due.
    pub fn is_empty(&self) -> bool {
        self.aged.is_empty() && self.pending.is_empty()
    }
}

impl Upkeep {
    fn new(order: u64, all: Vec<Mark>) -> Self {
        if all.is_empty() && order == 0 {
            return Self(None);
        }
        let next = all.iter().map(|mark| mark.due).min().unwrap_or(NEVER);
        Self(Some(Box::new(Marks { next, order, all })))
    }

    fn all(&self) -> &[Mark] {
        self.0.as_deref().map_or(&[], |marks| &marks.all)
    }

    /// What is due now.
    pub fn due(&self, now: Millis) -> DueApps {
        let mut due = DueApps::default();
        if now < self.next() {
            return due;
        }
        for mark in self.all().iter().filter(|mark| mark.due <= now) {
            let apps = if mark.failures == 0 {
                &mut due.aged
            } else {
                &mut due.pending
            };
            apps.insert(usize::from(mark.app));
        }
        due
    }

    /// The moment before which nothing is due.
    pub fn next(&self) -> Millis {
        self.0.as_deref().map_or(NEVER, |marks| marks.next)
    }

    /// The apps whose last call failed, with their failures in a row.
    pub fn failing(&self) -> impl Iterator<Item = (usize, u16)> {
        let failing = self.all().iter().filter(|mark| mark.failures > 0);
        failing.map(|mark| (usize::from(mark.app), mark.failures))
    }

    /// What is to be kept of it: app, failures in a row, and the moment when it is due.
    pub fn marks(&self) -> impl ExactSizeIterator<Item = (u16, u16, Millis)> {
        let marks = self.all().iter();
        marks.map(|mark| (mark.app, mark.failures, mark.due))
    }

    /// Stands for the apps that the marks are of.
    pub fn order(&self) -> u64 {
        self.0.as_deref().map_or(0, |marks| marks.order)
    }

    /// What was kept.
    pub fn of_marks(order: u64, marks: impl IntoIterator<Item = (u16, u16, Millis)>) -> Self {
        let marks = marks
            .into_iter()
            .map(|(app, failures, due)| Mark { app, failures, due });
        Self::new(order, marks.collect())
    }

    /// What is due now under these apps. Marks that were made of others, before a restart with
    /// another configuration, say nothing about these: then each of them is due.
    pub fn due_under(&self, now: Millis, graph: &Graph) -> DueApps {
        if self.all().is_empty() || self.order() == graph.order() {
            return self.due(now);
        }
        DueApps {
            aged: (0..graph.apps().len()).collect(),
            pending: BTreeSet::new(),
        }
    }

    /// The same with some failing apps due now, for the next request itself.
    #[must_use]
    pub fn hastened(&self, apps: &BTreeSet<usize>, now: Millis) -> Self {
        let mut hastened = self.all().to_vec();
        for mark in &mut hastened {
            if apps.contains(&usize::from(mark.app)) {
                (mark.failures, mark.due) = (0, now);
            }
        }
        Self::new(self.order(), hastened)
    }

    /// Takes the outcome of a cycle that ran at `now`.
    #[must_use]
    pub fn after(&self, outcome: &Outcome, graph: &Graph, now: Millis) -> Self {
        let mut marks = Vec::new();
        for (at, app) in graph.apps().iter().enumerate() {
            let Ok(number) = u16::try_from(at) else { break };
            let old = self.all().iter().find(|mark| mark.app == number);
            let old = old.filter(|_| self.order() == graph.order());
            let mark = if outcome.failed.contains_key(&at) {
                let failures = old.map_or(0, |mark| mark.failures).saturating_add(1);
                Some(Mark {
                    app: number,
                    failures,
                    due: now.plus(backoff(failures)),
                })
            } else if let Some(answered) = outcome.answered.get(&at) {
                let age = app
                    .max_age
                    .map(|age| answered.as_of.unwrap_or(now).plus(age));
                let due = age.into_iter().chain(answered.valid_until).min();
                due.map(|due| Mark {
                    app: number,
                    failures: 0,
                    due,
                })
            } else {
                old.copied()
            };
            marks.extend(mark);
        }
        let order = if marks.is_empty() { 0 } else { graph.order() };
        marks.shrink_to_fit();
        Self::new(order, marks)
    }
}

/// 1 s, doubled by every failure in a row, at most 60 s (contract §6.7).
fn backoff(failures: u16) -> Duration {
    let doublings = u32::from(failures.saturating_sub(1)).min(6);
    FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::transform::cycle::Answered;
    use crate::domain::transform::{AppSpec, Failure, GraphSettings};

    fn graph() -> Graph {
        let app = |name: &str, max_age| AppSpec {
            name: name.into(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            run_on_create: false,
            when: None,
            timeout: Duration::from_secs(2),
            on_error: crate::domain::transform::app::OnError::Keep,
            max_age,
        };
        let apps = vec![
            app("ages", Some(Duration::from_mins(1))),
            app("stays", None),
        ];
        Graph::try_new(apps, GraphSettings::default(), |_| false).unwrap()
    }

    fn outcome() -> Outcome {
        Outcome::default()
    }

    fn at(secs: i64) -> Millis {
        Millis::from_secs(secs)
    }

    #[test]
    fn an_answer_is_due_again_when_it_is_as_old_as_the_app_allows() {
        let mut said = outcome();
        said.answered.insert(0, Answered::default());
        said.answered.insert(1, Answered::default());
        let upkeep = Upkeep::default().after(&said, &graph(), at(100));
        assert!(upkeep.due(Millis::from_millis(159_999)).is_empty());
        assert_eq!(upkeep.due(at(160)).aged, [0].into());
    }

    #[test]
    fn age_counts_from_when_the_answer_was_looked_up() {
        let mut said = outcome();
        said.answered.insert(
            0,
            Answered {
                as_of: Some(at(70)),
                ..Answered::default()
            },
        );
        assert_eq!(
            Upkeep::default().after(&said, &graph(), at(100)).next(),
            at(130)
        );
    }

    #[test]
    fn the_end_of_a_verdict_is_due_even_for_an_app_that_does_not_age() {
        let mut said = outcome();
        said.answered.insert(
            1,
            Answered {
                valid_until: Some(at(500)),
                ..Answered::default()
            },
        );
        let upkeep = Upkeep::default().after(&said, &graph(), at(100));
        assert_eq!(upkeep.due(at(500)).aged, [1].into());
    }

    #[test]
    fn a_failed_app_is_tried_again_after_one_second_up_to_sixty() {
        let mut failed = outcome();
        failed.failed.insert(1, Failure::Timeout);
        let (mut upkeep, mut now, mut waits) = (Upkeep::default(), at(0), Vec::new());
        for _ in 0..8 {
            upkeep = upkeep.after(&failed, &graph(), now);
            waits.push(upkeep.next().since(now).as_secs());
            now = upkeep.next();
            assert_eq!(upkeep.due(now).pending, [1].into());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        let mut said = outcome();
        said.answered.insert(1, Answered::default());
        assert_eq!(upkeep.after(&said, &graph(), now), Upkeep::default());
    }

    #[test]
    fn a_hastened_app_is_asked_by_the_next_request_itself() {
        let mut failed = outcome();
        failed.failed.insert(1, Failure::Timeout);
        let upkeep = Upkeep::default()
            .after(&failed, &graph(), at(0))
            .hastened(&[1].into(), at(0));
        assert_eq!(
            upkeep.due(at(0)),
            DueApps {
                aged: [1].into(),
                pending: [].into()
            }
        );
    }

    #[test]
    fn marks_of_other_apps_make_every_app_due() {
        let mut failed = outcome();
        failed.failed.insert(1, Failure::Timeout);
        let upkeep = Upkeep::default().after(&failed, &graph(), at(0));
        assert_eq!(upkeep.due_under(at(0), &graph()), upkeep.due(at(0)));
        let marks: Vec<_> = upkeep.marks().collect();
        let kept = Upkeep::of_marks(upkeep.order() + 1, marks);
        let all = (0..graph().apps().len()).collect();
        assert_eq!(kept.due_under(at(0), &graph()).aged, all);
        assert_eq!(kept.after(&outcome(), &graph(), at(0)), Upkeep::default());
    }

    #[test]
    fn a_cycle_that_did_not_call_an_app_leaves_its_mark() {
        let mut failed = outcome();
        failed.failed.insert(1, Failure::Timeout);
        let upkeep = Upkeep::default().after(&failed, &graph(), at(0));
        assert_eq!(upkeep.after(&outcome(), &graph(), at(0)), upkeep);
    }
}

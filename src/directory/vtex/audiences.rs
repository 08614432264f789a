//! Campaign audiences: whom each is for, and whether a visit fits. Plain functions; the time is handed
//! in.
//!
//! An audience with a condition that a session cannot answer (what lies in the cart, how somebody
//! pays) fits nobody here: a promotion that is not shown is found at the checkout, one that is shown
//! and then denied is a broken promise.

use std::time::UNIX_EPOCH;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::directory::embedded::postal::{PostalCode, PostalRange};
use crate::domain::time::Millis;
use crate::ports::Visit;

/// Members that say how others are meant, name a thing, or bound its use at the checkout.
const NOT_CONDITIONS: [&str; 17] = [
    "id",
    "name",
    "featured",
    "origin",
    "clusterOperator",
    "totalValueMode",
    "totalValueIncludeAllItems",
    "idTypeDiscountBuyTogether",
    "minimumQuantityBuyTogether",
    "quantityToAffectBuyTogether",
    "enableBuyTogetherPerSku",
    "firstBuyIsProfileOptimistic",
    "isMinMaxInstallments",
    "maxUsage",
    "maxUsagePerClient",
    "multipleUsePerClient",
    "lastModified",
];

/// Members that are understood.
const UNDERSTOOD: [&str; 7] = [
    "idsSalesChannel",
    "areSalesChannelIdsExclusive",
    "marketingTags",
    "marketingTagsAreNotInclusive",
    "zipCodeRanges",
    "utmSource",
    "utmCampaign",
];

/// One audience on the wire.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAudience {
    id: String,
    #[serde(default)]
    is_active: bool,
    #[serde(default)]
    is_archived: bool,
    begin_date_utc: Option<String>,
    end_date_utc: Option<String>,
    #[serde(default)]
    is_and_operator: bool,
    #[serde(default)]
    target_configurations: Vec<Map<String, Value>>,
}

/// An audience that may fit somebody at some time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Audience {
    id: String,
    from: Option<Millis>,
    until: Option<Millis>,
    all: bool,
    targets: Vec<Target>,
}

/// One group of conditions; all of them have to fit.
#[derive(Clone, Debug, Default, PartialEq)]
struct Target {
    channels: Listed,
    tags: Listed,
    utm_source: Option<String>,
    utm_campaign: Option<String>,
    zips: Vec<(PostalRange, bool)>,
    /// Members that a session cannot answer.
    beyond: Vec<String>,
}

/// Values that must, or must not, be had.
#[derive(Clone, Debug, Default, PartialEq)]
struct Listed {
    values: Vec<String>,
    without: bool,
}

/// All audiences of a store.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Audiences(Vec<Audience>);

/// An audience that fits nobody here, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beyond {
    pub(super) id: String,
    pub(super) why: String,
}

impl Audiences {
    /// Takes over what the source answered. Archived and inactive ones are left out.
    pub(super) fn of(wire: Vec<WireAudience>) -> (Self, Vec<Beyond>) {
        let mut audiences = Vec::new();
        let mut beyond = Vec::new();
        for one in wire
            .into_iter()
            .filter(|one| one.is_active && !one.is_archived)
        {
            let id = one.id.clone();
            match Audience::try_from(one) {
                Ok(audience) => {
                    let why = audience.beyond().join(", ");
                    if !why.is_empty() {
                        let why = format!("a session knows nothing of {why}");
                        beyond.push(Beyond { id, why });
                    }
                    audiences.push(audience);
                }
                Err(why) => beyond.push(Beyond { id, why }),
            }
        }
        (Self(audiences), beyond)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Ids of those that fit, in the order of the source.
    pub(super) fn fitting(&self, visit: Visit<'_>, now: Millis) -> Vec<String> {
        let code = visit.postal_code.and_then(PostalCode::read);
        let fitting = self.0.iter().filter(|one| one.fits(visit, code, now));
        fitting.map(|one| one.id.clone()).collect()
    }
}

impl TryFrom<WireAudience> for Audience {
    type Error = String;

    fn try_from(wire: WireAudience) -> Result<Self, String> {
        if wire.id.is_empty() || wire.id.contains(',') {
            return Err("its id is empty or has a comma".to_owned());
        }
        Ok(Self {
            from: moment(wire.begin_date_utc.as_deref(), "beginDateUtc")?,
            until: moment(wire.end_date_utc.as_deref(), "endDateUtc")?,
            all: wire.is_and_operator,
            targets: wire.target_configurations.iter().map(Target::of).collect(),
            id: wire.id,
        })
    }
}

/// A moment in UTC, as the platform writes it: with or without a zone, with any fraction.
fn moment(text: Option<&str>, name: &str) -> Result<Option<Millis>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let plain = text.strip_suffix("+00:00").unwrap_or(text);
    let moment = humantime::parse_rfc3339_weak(plain).ok();
    let since = moment.and_then(|moment| moment.duration_since(UNIX_EPOCH).ok());
    let since = since.ok_or_else(|| format!("its {name} is no moment in UTC"))?;
    Ok(Some(Millis::default().plus(since)))
}

impl Audience {
    fn fits(&self, visit: Visit<'_>, code: Option<PostalCode>, now: Millis) -> bool {
        let begun = self.from.is_none_or(|from| now >= from);
        let over = self.until.is_some_and(|until| now >= until);
        if !begun || over || self.targets.is_empty() {
            return false;
        }
        let mut targets = self.targets.iter();
        if self.all {
            targets.all(|target| target.fits(visit, code))
        } else {
            targets.any(|target| target.fits(visit, code))
        }
    }

    /// What keeps it from ever fitting.
    fn beyond(&self) -> Vec<String> {
        let reachable = |target: &&Target| target.beyond.is_empty();
        let some = self.targets.iter().any(|target| reachable(&target));
        if some && (!self.all || self.targets.iter().all(|target| reachable(&target))) {
            return Vec::new();
        }
        let mut names: Vec<String> = Vec::new();
        for name in self.targets.iter().flat_map(|target| &target.beyond) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}

impl Target {
    fn of(wire: &Map<String, Value>) -> Self {
        let flag = |name: &str| wire.get(name).and_then(Value::as_bool).unwrap_or_default();
        let text = |name: &str| {
            let text = wire.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let mut target = Self {
            channels: Listed::of(
                wire.get("idsSalesChannel"),
                flag("areSalesChannelIdsExclusive"),
            ),
            tags: Listed::of(
                wire.get("marketingTags"),
                flag("marketingTagsAreNotInclusive"),
            ),
            utm_source: text("utmSource"),
            utm_campaign: text("utmCampaign"),
            zips: Vec::new(),
            beyond: Vec::new(),
        };
        target.read_zips(wire.get("zipCodeRanges"));
        for (name, value) in wire {
            if !is_known(name) && is_set(value) {
                target.beyond.push(name.clone());
            }
        }
        target
    }

    fn read_zips(&mut self, written: Option<&Value>) {
        for range in written.and_then(Value::as_array).into_iter().flatten() {
            let end = |name: &str| range.get(name).and_then(Value::as_str).unwrap_or_default();
            let (from, to) = (end("zipCodeFrom"), end("zipCodeTo"));
            // The platform writes a range without ends where there is none.
            if from.is_empty() && to.is_empty() {
                continue;
            }
            let inclusive = range
                .get("inclusive")
                .and_then(Value::as_bool)
                .unwrap_or(true);
            let ends = PostalCode::read(from).zip(PostalCode::read(to));
            match ends.and_then(|(from, to)| PostalRange::between(from, to)) {
                Some(range) => self.zips.push((range, inclusive)),
                None => self.beyond.push("zipCodeRanges".to_owned()),
            }
        }
    }

    fn fits(&self, visit: Visit<'_>, code: Option<PostalCode>) -> bool {
        let same = |asked: &Option<String>, has: Option<&str>| {
            asked.as_deref().is_none_or(|asked| has == Some(asked))
        };
        self.beyond.is_empty()
            && self.channels.fits(visit.channel)
            // A session has no tags of a cart: the campaign of its link is the one it has.
            && self.tags.fits(visit.utm_campaign)
            && same(&self.utm_source, visit.utm_source)
            && same(&self.utm_campaign, visit.utm_campaign)
            && self.zips_fit(code)
    }

    fn zips_fit(&self, code: Option<PostalCode>) -> bool {
        if self.zips.is_empty() {
            return true;
        }
        let Some(code) = code else { return false };
        let within = |wanted: bool| {
            let mut zips = self
                .zips
                .iter()
                .filter(move |(_, inclusive)| *inclusive == wanted);
            zips.any(|(range, _)| range.holds(code))
        };
        let some_inclusive = self.zips.iter().any(|(_, inclusive)| *inclusive);
        !within(false) && (!some_inclusive || within(true))
    }
}

impl Listed {
    /// Ids are texts or numbers, alone or in an object.
    fn of(written: Option<&Value>, without: bool) -> Self {
        let one = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Object(members) => Some(members.get("id")?.as_str()?.to_owned()),
            _ => None,
        };
        let values = written.and_then(Value::as_array).into_iter().flatten();
        Self {
            values: values.filter_map(one).collect(),
            without,
        }
    }

    fn fits(&self, has: Option<&str>) -> bool {
        let listed = has.is_some_and(|has| self.values.iter().any(|value| value == has));
        self.values.is_empty() || listed != self.without
    }
}

fn is_known(name: &str) -> bool {
    NOT_CONDITIONS.contains(&name)
        || UNDERSTOOD.contains(&name)
        || name.ends_with("AreInclusive")
        || name.ends_with("IsInclusive")
}

/// Whether a member says anything: the platform writes all of them, most of them empty.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

#[cfg(test)]
mod tests;

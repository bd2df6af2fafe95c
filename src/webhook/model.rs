//! What a webhook is, how it changes, and what comes of a try: pure.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::target::{self, Reach};

/// The longest description, in characters.
const DESCRIPTION_MAX: usize = 500;
/// How long the secret before the present one signs too.
const OVERLAP: TimeDelta = TimeDelta::days(1);

pub(super) use super::target::Wrong;

/// What a client says of a webhook: not yet checked. `PATCH` is merged into the present one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Input {
    /// An https:// address of the public internet, without user and password.
    #[schema(max_length = 2048, example = "https://example.com/hooks/todo")]
    pub(super) url: Option<String>,
    /// The types of events that are sent; null or missing: all.
    #[schema(example = json!(["TASK_CREATED", "TASK_COMPLETED"]))]
    pub(super) event_types: Option<Vec<String>>,
    /// Up to 500 characters, for yourself; empty when missing.
    #[schema(max_length = 500)]
    pub(super) description: Option<String>,
    /// Whether anything is sent; `true` when missing.
    pub(super) enabled: Option<bool>,
}

/// What an input is checked by.
pub(super) struct Rules {
    pub(super) reach: Reach,
    /// The types of events that there are.
    pub(super) event_types: BTreeSet<String>,
}

/// A checked input.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    url: String,
    event_types: Option<Vec<String>>,
    description: String,
    enabled: bool,
}

impl Input {
    /// Checks everything and reports every mistake at once.
    pub(super) fn parse(self, rules: &Rules) -> Result<Draft, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let url = target::parse(self.url.as_deref().unwrap_or_default(), rules.reach);
        let url = url.map(String::from).map_err(|one| wrong.push(one)).unwrap_or_default();
        let description = self.description.unwrap_or_default().trim().to_owned();
        let length = description.chars().count();
        if length > DESCRIPTION_MAX {
            wrong.push(("/description", "too_long", format!("use at most 500 characters; these are {length}")));
        } else if description.chars().any(char::is_control) {
            let says = "remove line breaks and control characters";
            wrong.push(("/description", "control_character", says.to_owned()));
        }
        let event_types = self.event_types.map(|names| names.into_iter().collect::<BTreeSet<_>>());
        if event_types.as_ref().is_some_and(BTreeSet::is_empty) {
            wrong.push(("/eventTypes", "required", "name at least one type, or leave it out for all".to_owned()));
        }
        if event_types.as_ref().is_some_and(|names| !names.is_subset(&rules.event_types)) {
            let known = rules.event_types.iter().map(String::as_str).collect::<Vec<_>>();
            wrong.push(("/eventTypes", "unknown", format!("use some of {}", known.join(", "))));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let event_types = event_types.map(|names| names.into_iter().collect());
        Ok(Draft { url, event_types, description, enabled: self.enabled.unwrap_or(true) })
    }
}

/// Why nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum DisabledReason {
    /// Its owner switched it off.
    User,
    /// It answered 410 Gone.
    Gone,
    /// Too many deliveries in a row failed to the end.
    Failing,
}

impl DisabledReason {
    /// The name in the database, in JSON and in events.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// The reason of a name; one of a newer version is shown as the owner's.
    pub(super) fn of(name: &str) -> Self {
        [Self::Gone, Self::Failing].into_iter().find(|reason| reason.as_str() == name).unwrap_or(Self::User)
    }
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    /// UUID version 7.
    pub(super) id: Uuid,
    /// Whose it is: not told, since it is always the caller's.
    #[serde(skip)]
    pub(super) user_id: Uuid,
    /// Where events are sent.
    pub(super) url: String,
    /// For its owner.
    pub(super) description: String,
    /// The types of events that are sent; null: all.
    pub(super) event_types: Option<Vec<String>>,
    /// Whether anything is sent.
    pub(super) enabled: bool,
    /// Why not.
    pub(super) disabled_reason: Option<DisabledReason>,
    /// Since when not.
    pub(super) disabled_at: Option<DateTime<Utc>>,
    /// Which secret signs: 1, and one more with each rotation.
    pub(super) secret_version: i64,
    /// When the secret was rotated last: for a day from then on the one before signs too.
    pub(super) secret_rotated_at: Option<DateTime<Utc>>,
    /// Rises by one with each change.
    pub(super) version: i64,
    /// When it was made.
    pub(super) created_at: DateTime<Utc>,
    /// When it last changed.
    pub(super) updated_at: DateTime<Utc>,
}

impl Webhook {
    /// A new one.
    pub(super) fn create(id: Uuid, user_id: Uuid, draft: Draft, now: DateTime<Utc>) -> Self {
        let Draft { url, event_types, description, enabled } = draft;
        Self {
            id,
            user_id,
            url,
            description,
            event_types,
            enabled,
            disabled_reason: (!enabled).then_some(DisabledReason::User),
            disabled_at: (!enabled).then_some(now),
            secret_version: 1,
            secret_rotated_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// As a client would have said it: what a patch is merged into.
    pub(super) fn as_input(&self) -> Input {
        Input {
            url: Some(self.url.clone()),
            event_types: self.event_types.clone(),
            description: Some(self.description.clone()),
            enabled: Some(self.enabled),
        }
    }

    /// Edits it. `None`: nothing changes.
    pub(super) fn edit(&self, draft: Draft, now: DateTime<Utc>) -> Option<Self> {
        let Draft { url, event_types, description, enabled } = draft;
        let mut after = Self { url, description, event_types, ..self.clone() };
        if enabled != self.enabled {
            after.enabled = enabled;
            after.disabled_reason = (!enabled).then_some(DisabledReason::User);
            after.disabled_at = (!enabled).then_some(now);
        }
        (after != *self).then(|| after.changed(now))
    }

    /// The service switches it off. `None`: it is off already.
    pub(super) fn disable(&self, reason: DisabledReason, now: DateTime<Utc>) -> Option<Self> {
        let (disabled_reason, disabled_at) = (Some(reason), Some(now));
        self.enabled.then(|| Self { enabled: false, disabled_reason, disabled_at, ..self.clone() }.changed(now))
    }

    /// Gives it a new secret.
    pub(super) fn rotate(&self, now: DateTime<Utc>) -> Self {
        let secret_version = self.secret_version + 1;
        Self { secret_version, secret_rotated_at: Some(now), ..self.clone() }.changed(now)
    }

    fn changed(self, now: DateTime<Utc>) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self }
    }
}

/// The numbers of the secrets that sign at this time, the present one first.
pub(super) fn signing(version: i64, rotated_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Vec<i64> {
    let before = rotated_at.is_some_and(|at| now < at + OVERLAP).then(|| version - 1);
    std::iter::once(version).chain(before).collect()
}

/// What is known of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It is to be tried, now or later.
    Pending,
    /// It was taken: the answer was a 2xx.
    Delivered,
    /// It was given up.
    Failed,
    /// It came due while the webhook was disabled.
    Cancelled,
}

impl State {
    /// The name in the database and in JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a name.
    pub(super) fn of(name: &str) -> Self {
        let all = [Self::Pending, Self::Delivered, Self::Cancelled];
        all.into_iter().find(|state| state.as_str() == name).unwrap_or(Self::Failed)
    }
}

/// What a receiver answered: a status, or why there is none.
pub(super) type Answer = Result<u16, String>;

/// What comes of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was taken.
    Delivered,
    /// Nobody is there any more: it is given up, and the webhook with it.
    Gone,
    /// It is tried again after so long.
    Again(TimeDelta),
    /// It is given up.
    Failed,
}

/// Judges the answer to the try number `attempts`. `jitter` is a random byte: it makes the wait up to a fifth longer, so
/// that what failed together does not come back together.
pub(super) fn judge(answer: &Answer, attempts: i64, ladder_ms: &[u64], jitter: u8) -> Verdict {
    match answer {
        Ok(200..=299) => return Verdict::Delivered,
        Ok(410) => return Verdict::Gone,
        _ => {}
    }
    let wait = usize::try_from(attempts - 1).ok().and_then(|step| ladder_ms.get(step));
    wait.map_or(Verdict::Failed, |wait| {
        let longer = wait / 5 * u64::from(jitter) / 255;
        Verdict::Again(TimeDelta::milliseconds(i64::try_from(wait + longer).unwrap_or(i64::MAX / 1000)))
    })
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;

//! What an account is: pure.

use chrono::{DateTime, Utc};
use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is wrong with an input: the JSON pointer, a stable code, and a sentence that says what to do.
pub type Wrong = (&'static str, &'static str, &'static str);

/// An e-mail address: as typed, and in the form that makes it unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// As typed, trimmed.
    pub text: String,
    /// NFKC and lower case.
    pub key: String,
}

impl Email {
    /// Checks the form: one `@`, a local part of at most 64 and a domain with a dot, 254 characters in all (RFC 5321).
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let wrong = || ("/email", "not_an_email", "give an e-mail address such as ann@example.org");
        let text = text.trim();
        let key: String = text.nfkc().collect::<String>().to_lowercase();
        let (local, domain) = key.split_once('@').ok_or_else(wrong)?;
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let fits = key.len() <= 254
            && (1..=64).contains(&local.len())
            && !local.chars().any(|c| c.is_whitespace() || c.is_control() || "@<>(),;:\\\"[]".contains(c))
            && domain.contains('.')
            && domain.split('.').all(label);
        if fits { Ok(Self { text: text.to_owned(), key }) } else { Err(wrong()) }
    }
}

/// What a person may set of their profile. What is missing stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfileInput {
    /// Up to 100 characters.
    #[schema(max_length = 100)]
    pub display_name: Option<String>,
    /// An IANA time zone.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: Option<String>,
    /// A language tag (BCP 47).
    #[schema(example = "de-DE")]
    pub locale: Option<String>,
}

impl ProfileInput {
    /// Every mistake at once.
    pub fn check(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if self
            .display_name
            .as_deref()
            .is_some_and(|name| name.chars().count() > 100 || name.chars().any(char::is_control))
        {
            wrong.push(("/displayName", "invalid", "use at most 100 characters, without control characters"));
        }
        if self.time_zone.as_deref().is_some_and(|zone| zone.parse::<chrono_tz::Tz>().is_err()) {
            wrong.push(("/timeZone", "unknown", "use an IANA time zone such as Europe/Berlin"));
        }
        if self.locale.as_deref().is_some_and(|tag| !is_language_tag(tag)) {
            wrong.push(("/locale", "invalid", "use a language tag such as en or de-DE"));
        }
        wrong
    }
}

fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    tag.len() <= 35
        && (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// UUID version 7.
    pub id: Uuid,
    /// As typed; missing for an account of an external provider.
    pub email: Option<String>,
    /// How the person wants to be called.
    pub display_name: String,
    /// An IANA time zone: what "today" means.
    pub time_zone: String,
    /// A language tag (BCP 47).
    pub locale: String,
    /// Rises by one with each change; the ETag is this number in quotes.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Account {
    /// A new account.
    pub fn create(id: Uuid, email: Option<&Email>, profile: ProfileInput, now: DateTime<Utc>) -> Self {
        Self {
            id,
            email: email.map(|email| email.text.clone()),
            display_name: profile.display_name.unwrap_or_default().trim().to_owned(),
            time_zone: profile.time_zone.unwrap_or_else(|| "UTC".to_owned()),
            locale: profile.locale.unwrap_or_else(|| "en".to_owned()),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// The account after an edit, with the names of what changed; `None` where nothing would.
    pub fn edit(&self, input: ProfileInput, now: DateTime<Utc>) -> Option<(Self, Vec<&'static str>)> {
        let mut after = self.clone();
        let mut changed = Vec::new();
        let display_name = input.display_name.map(|name| name.trim().to_owned());
        for (name, field, value) in [
            ("displayName", &mut after.display_name, display_name),
            ("timeZone", &mut after.time_zone, input.time_zone),
            ("locale", &mut after.locale, input.locale),
        ] {
            if let Some(value) = value.filter(|value| value != field) {
                *field = value;
                changed.push(name);
            }
        }
        if changed.is_empty() {
            return None;
        }
        (after.version, after.updated_at) = (self.version + 1, now.max(self.updated_at));
        Some((after, changed))
    }
}

/// A signed-in device.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// UUID version 7; `sid` of its access tokens.
    pub id: Uuid,
    /// What the device called itself.
    pub user_agent: String,
    /// When it signed in.
    pub created_at: DateTime<Utc>,
    /// When it last got a new access token.
    pub last_used_at: DateTime<Utc>,
    /// When it ends if it is not used.
    pub expires_at: DateTime<Utc>,
}

/// A personal API token, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiToken {
    /// UUID version 7; also the `client_id` for the client-credentials grant.
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// What it may do, space-delimited.
    pub scopes: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends; missing: never.
    pub expires_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_one_whatever_their_case_and_form() {
        let key = |text: &str| Email::parse(text).map(|email| email.key);
        assert_eq!(key(" Ann@Example.ORG ").unwrap(), "ann@example.org");
        assert_eq!(key("ａｎｎ@example.org").unwrap(), "ann@example.org");
        for bad in [
            "",
            "ann",
            "@example.org",
            "ann@",
            "ann@localhost",
            "a b@example.org",
            "ann@exa mple.org",
            "a@b@c.de",
            "ann@-x.org",
            "ann@x..org",
            &format!("{}@example.org", "a".repeat(65)),
        ] {
            assert!(key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn profiles_name_every_mistake() {
        let input = ProfileInput {
            display_name: Some("x".repeat(101)),
            time_zone: Some("Mars/Olympus".to_owned()),
            locale: Some("d".to_owned()),
        };
        let pointers: Vec<_> = input.check().into_iter().map(|(pointer, ..)| pointer).collect();
        assert_eq!(pointers, ["/displayName", "/timeZone", "/locale"]);
    }

    #[test]
    fn an_edit_that_changes_nothing_is_none() {
        let account = Account::create(Uuid::nil(), None, ProfileInput::default(), DateTime::UNIX_EPOCH);
        let same = ProfileInput { time_zone: Some("UTC".to_owned()), ..ProfileInput::default() };
        assert!(account.edit(same, DateTime::UNIX_EPOCH).is_none());
        let other = ProfileInput { locale: Some("de".to_owned()), ..ProfileInput::default() };
        let (after, changed) = account.edit(other, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!((after.version, changed), (2, vec!["locale"]));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in ".*") {
            let _ = (Email::parse(&text), is_language_tag(&text));
        }
    }
}

//! A schema registry with Confluent's API (Apicurio has it, too): the schemas of the topics are registered there under
//! `<topic>-value`, with the compatibility FULL_TRANSITIVE.
//!
//! **What is registered** is [`registered_form`], not the file itself. Registries judge an open payload by the letter:
//! to them a field that comes, and an event type that comes, breaks those who might have used the name before. The
//! contract allows both ([`super::compat`]), so what may grow is told there as a note, and what may not is judged.
//!
//! Every call has a time-out. A failure is one sentence.

use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Error, Topic};

/// `[schema_registry]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Where it is; empty: there is none.
    pub url: String,
    /// Basic authentication; empty: none.
    pub username: String,
    /// See `username`.
    pub password: SecretString,
    /// How long one call may take, milliseconds.
    pub timeout_ms: u64,
}

impl RegistryConfig {
    /// Every mistake in the section: the key, and what is allowed.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let fits = |url: &Url| {
            ["http", "https"].contains(&url.scheme()) && url.username().is_empty() && url.password().is_none()
        };
        if !self.url.is_empty() && !Url::parse(&self.url).is_ok_and(|url| fits(&url)) {
            found.push(("url", "must be http://… or https://… without a user name, or empty".to_owned()));
        }
        if self.username.is_empty() != self.password.expose_secret().is_empty() {
            found.push(("password", "username and password must be given together".to_owned()));
        }
        if !(100..=60_000).contains(&self.timeout_ms) {
            found.push(("timeout_ms", "must be 100 to 60000 milliseconds".to_owned()));
        }
        found
    }
}

/// A version of a subject in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Registered {
    /// Its number under the subject.
    pub version: i64,
    /// Its number in the whole registry.
    pub id: i64,
}

/// The registry's client.
#[derive(Clone)]
pub struct Registry {
    http: reqwest::Client,
    base: String,
    login: Option<(String, SecretString)>,
}

const COMPATIBILITY: &str = "FULL_TRANSITIVE";
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

impl Registry {
    /// The registry that is configured; `None` when there is none. Nothing is connected to.
    pub fn of(config: &RegistryConfig) -> Result<Option<Self>, Error> {
        if config.url.is_empty() {
            return Ok(None);
        }
        let http = reqwest::Client::builder()
            .timeout(Duration::from_millis(config.timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::Registry(error.to_string()))?;
        let login = (!config.username.is_empty()).then(|| (config.username.clone(), config.password.clone()));
        Ok(Some(Self { http, base: config.url.trim_end_matches('/').to_owned(), login }))
    }

    /// The versions of a subject, the oldest first; none for one that it does not know.
    pub async fn versions(&self, subject: &str) -> Result<Vec<Registered>, Error> {
        let Some(numbers) = self.call(Method::GET, &format!("subjects/{subject}/versions"), None).await? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for number in numbers.as_array().into_iter().flatten().filter_map(Value::as_i64) {
            let one = self.call(Method::GET, &format!("subjects/{subject}/versions/{number}"), None).await?;
            found.extend(one.map(read::<Registered>).transpose()?);
        }
        Ok(found)
    }

    /// The version that is this very schema, if it is registered.
    pub async fn find(&self, subject: &str, schema: &Value) -> Result<Option<Registered>, Error> {
        let found = self.call(Method::POST, &format!("subjects/{subject}"), Some(body(schema))).await?;
        found.map(read).transpose()
    }

    /// Why the schema cannot be registered beside those that are; `None` when it can, or when there are none.
    pub async fn objection(&self, subject: &str, schema: &Value) -> Result<Option<String>, Error> {
        let path = format!("compatibility/subjects/{subject}/versions?verbose=true");
        let Some(answer) = self.call(Method::POST, &path, Some(body(schema))).await? else { return Ok(None) };
        if answer["is_compatible"] == true {
            return Ok(None);
        }
        let reasons =
            [answer["reason"].as_str().map(str::to_owned), answer["messages"].as_array().map(|all| lines(all))];
        Ok(Some(sentence(&reasons.into_iter().flatten().collect::<Vec<_>>().join("; "))))
    }

    /// Registers the schema, with the compatibility set first, unless it is there already.
    pub async fn push(&self, subject: &str, schema: &Value) -> Result<Registered, Error> {
        let level = json!({ "compatibility": COMPATIBILITY });
        self.call(Method::PUT, &format!("config/{subject}"), Some(level)).await?;
        if let Some(known) = self.find(subject, schema).await? {
            return Ok(known);
        }
        self.call(Method::POST, &format!("subjects/{subject}/versions"), Some(body(schema))).await?;
        let found = self.find(subject, schema).await?;
        found.ok_or_else(|| Error::Registry(format!("took the schema of {subject} and does not have it")))
    }

    /// `None` for 404.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Option<Value>, Error> {
        let mut request = self.http.request(method, format!("{}/{path}", self.base)).header("accept", MEDIA_TYPE);
        if let Some(body) = body {
            request = request.header("content-type", MEDIA_TYPE).body(body.to_string());
        }
        if let Some((username, password)) = &self.login {
            request = request.basic_auth(username, Some(password.expose_secret()));
        }
        let lost = |error: reqwest::Error| {
            let how = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
            Error::RegistryDown(format!("{how} at {}", self.base))
        };
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        let text = response.text().await.map_err(lost)?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        match status {
            StatusCode::NOT_FOUND if answer["error_code"].is_i64() => Ok(None),
            _ if status.is_success() && !answer.is_null() => Ok(Some(answer)),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Error::Registry(format!("refuses who asks ({})", status.as_u16())))
            }
            _ if status.is_server_error() => {
                Err(Error::RegistryDown(format!("fails with {}", sentence(&told(&answer, status)))))
            }
            StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => {
                Err(Error::Registry(format!("refuses: {}", sentence(&told(&answer, status)))))
            }
            _ => Err(Error::Registry(format!("answers no registry's answer: {}", sentence(&told(&answer, status))))),
        }
    }
}

fn told(answer: &Value, status: StatusCode) -> String {
    answer["message"].as_str().map_or_else(|| status.to_string(), |message| format!("{}, {message}", status.as_u16()))
}

fn lines(all: &[Value]) -> String {
    all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
}

/// One line of at most 400 characters: registries answer with whole schemas and stack traces.
fn sentence(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect();
    if line.is_empty() { "it does not say why".to_owned() } else { line }
}

fn body(schema: &Value) -> Value {
    json!({ "schemaType": "JSON", "schema": schema.to_string() })
}

fn read<T: for<'de> Deserialize<'de>>(answer: Value) -> Result<T, Error> {
    serde_json::from_value(answer).map_err(|_| Error::Registry("answers no registry's answer".to_owned()))
}

/// The subject of a topic's values.
pub fn subject(topic: Topic) -> String {
    format!("{topic}-value")
}

/// The versions of a topic in the form in which they are registered, the present one last.
pub fn history(topic: Topic) -> Result<Vec<Value>, Error> {
    let parse = |text: &&str| {
        let broken = |error: serde_json::Error| Error::Schema { topic, reason: error.to_string() };
        serde_json::from_str::<Value>(text).map_err(broken)
    };
    // A released version is registered as it was released.
    let present = Some(topic.schema()).filter(|_| topic.version() > topic.released().len());
    let all = topic.released().iter().copied().chain(present).collect::<Vec<_>>();
    let all = all.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = all.first() else { return Ok(Vec::new()) };
    Ok(all.iter().map(|schema| registered_form(schema, first)).collect())
}

/// What a registry gets of a schema. In the words of draft 7, which all of them can compare (the keywords that we use
/// mean the same in it); what may grow as a note: an event type as an example, a field that the first version does not
/// have as a definition.
pub fn registered_form(schema: &Value, first: &Value) -> Value {
    let mut form = schema.clone();
    plain(&mut form);
    form["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    let names = schema["properties"]["eventType"]["enum"].clone();
    form["properties"]["eventType"] = json!({ "type": "string", "examples": names });
    let known = &first["properties"]["payload"]["properties"];
    if let Some(Value::Object(fields)) = form.pointer_mut("/properties/payload/properties") {
        let (kept, later) = std::mem::take(fields).into_iter().partition(|(name, _)| known.get(name).is_some());
        *fields = kept;
        let later: serde_json::Map<_, _> = later;
        if !later.is_empty() {
            form["definitions"] = Value::Object(later);
        }
    }
    form
}

/// One way to say the same: a list of words has the type of words, and a field that may be anything is not named.
fn plain(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    if members.get("enum").is_some_and(|list| list.as_array().is_some_and(|all| all.iter().all(Value::is_string))) {
        members.insert("type".to_owned(), json!("string"));
    }
    if let Some(Value::Object(fields)) = members.get_mut("properties") {
        fields.retain(|_, field| {
            !field.as_object().is_some_and(|field| field.keys().all(|keyword| keyword == "description"))
        });
        fields.values_mut().for_each(plain);
        if fields.is_empty() {
            members.remove("properties");
        }
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(inner) = members.get_mut(keyword) {
            plain(inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_registered_may_grow_only_in_notes() {
        let first = json!({ "properties": {
            "eventType": { "enum": ["A"] },
            "payload": { "properties": { "role": { "enum": ["x"] }, "any": { "description": "y" } }, "required": [] }
        } });
        let mut next = first.clone();
        next["properties"]["eventType"]["enum"] = json!(["A", "B"]);
        next["properties"]["payload"]["properties"]["note"] = json!({ "type": "string" });
        let (one, two) = (registered_form(&first, &first), registered_form(&next, &first));
        assert_eq!(one["properties"]["payload"], two["properties"]["payload"]);
        assert_eq!(one["properties"]["payload"]["properties"], json!({ "role": { "type": "string", "enum": ["x"] } }));
        assert_eq!(two["properties"]["eventType"], json!({ "type": "string", "examples": ["A", "B"] }));
        assert_eq!(
            (&one["definitions"], &two["definitions"]),
            (&Value::Null, &json!({ "note": { "type": "string" } }))
        );
    }

    #[test]
    fn the_history_ends_with_the_present_version() {
        for topic in Topic::ALL {
            let all = history(topic).unwrap();
            assert_eq!(all.len(), topic.version());
            assert_eq!(all.last().unwrap()["$id"], topic.dataschema());
        }
    }

    #[test]
    fn mistakes_of_the_section_are_told() {
        let config = |url: &str, username: &str, timeout_ms| RegistryConfig {
            url: url.to_owned(),
            username: username.to_owned(),
            password: "".into(),
            timeout_ms,
        };
        assert!(config("", "", 5000).problems().is_empty());
        assert!(config("https://registry.example.com/apis/ccompat/v7", "", 5000).problems().is_empty());
        let keys: Vec<_> = config("http://a:b@c", "ann", 1).problems().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["url", "password", "timeout_ms"]);
    }

    #[test]
    fn an_answer_becomes_one_line() {
        assert_eq!(sentence(" a\n  b "), "a b");
        assert_eq!(sentence(""), "it does not say why");
        assert_eq!(sentence(&"x".repeat(900)).len(), 400);
    }
}

//! Merges the sources into one tree and collects every mistake on the way.

use std::fmt;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::Sources;

/// One mistake: the key, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// `section.key`, or where the value came from.
    pub key: String,
    /// What is wrong and what is allowed; never the value, which may be a secret.
    pub says: String,
}

/// All mistakes of a configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Mistake { key, says } in &self.0 {
            writeln!(f, "  {key}: {says}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// The merged tree: two levels, `section.key`.
pub(super) struct Tree {
    values: Table,
    mistakes: Vec<Mistake>,
}

const PREFIX: &str = "TODO__";

impl Tree {
    pub(super) fn of_defaults(defaults: &[&str]) -> Self {
        let mut tree = Self { values: Table::new(), mistakes: Vec::new() };
        for text in defaults {
            match text.parse::<Table>() {
                Ok(table) => tree.values.extend(table),
                Err(error) => tree.mistake("embedded defaults", error.to_string()),
            }
        }
        tree
    }

    pub(super) fn mistake(&mut self, key: impl Into<String>, says: impl Into<String>) {
        self.mistakes.push(Mistake { key: key.into(), says: says.into() });
    }

    pub(super) fn apply(&mut self, sources: &Sources<'_>) {
        if let Some(path) = sources.file {
            let name = path.display().to_string();
            match std::fs::read_to_string(path).map(|text| text.parse::<Table>()) {
                Err(error) => self.mistake(name, format!("cannot be read: {error}")),
                Ok(Err(error)) => self.mistake(name, format!("is not TOML: {}", error.message())),
                Ok(Ok(table)) => self.merge(table),
            }
        }
        for (variable, text) in &sources.environment {
            if let Some(path) = variable.strip_prefix(PREFIX) {
                self.environment(variable, &path.to_lowercase(), text);
            }
        }
        for flag in sources.flags {
            match flag.split_once('=') {
                Some((path, text)) => self.text(path.trim(), text, "--set"),
                None => self.mistake("--set", format!("`{flag}` must have the form section.key=value")),
            }
        }
    }

    fn merge(&mut self, table: Table) {
        for (section, value) in table {
            match value {
                Value::Table(keys) if self.values.contains_key(&section) => {
                    for (key, value) in keys {
                        self.set(&format!("{section}.{key}"), value);
                    }
                }
                Value::Table(_) => {
                    let known: Vec<_> = self.values.keys().cloned().collect();
                    self.mistake(format!("[{section}]"), format!("unknown section: allowed are {}", known.join(", ")));
                }
                _ => self.mistake(section, "must be inside a section such as [http]"),
            }
        }
    }

    /// `SECTION__KEY`, or `SECTION__KEY_FILE` for the content of a file.
    fn environment(&mut self, variable: &str, path: &str, text: &str) {
        let Some((section, key)) = path.split_once("__") else {
            self.mistake(variable, "must have the form TODO__SECTION__KEY");
            return;
        };
        let path = format!("{section}.{key}");
        match (self.find(&path), path.strip_suffix("_file")) {
            (None, Some(base)) if self.find(base).is_some() => match std::fs::read_to_string(text) {
                Ok(content) => self.text(base, content.trim_end_matches(['\n', '\r']), variable),
                Err(error) => self.mistake(variable, format!("the file cannot be read: {error}")),
            },
            (None, _) => {
                self.mistake(variable, format!("there is no key `{path}`: see `todo check-config --defaults`"));
            }
            (Some(_), _) => self.text(&path, text, variable),
        }
    }

    /// A value that came as text takes the type that the default has.
    fn text(&mut self, path: &str, text: &str, from: &str) {
        let value = match self.find(path) {
            Some(Value::Array(like)) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                items.map(|item| single(item, like.first())).collect::<Option<_>>().map(Value::Array)
            }
            like => single(text, like),
        };
        let wanted = match self.find(path) {
            Some(Value::Array(like)) => format!("a list with commas, each {}", like.first().map_or("text", kind)),
            like => like.map_or("another type", kind).to_owned(),
        };
        match value {
            Some(value) => self.set(path, value),
            None => self.mistake(path, format!("must be {wanted} (from {from})")),
        }
    }

    fn find(&self, path: &str) -> Option<&Value> {
        let (section, key) = path.split_once('.')?;
        self.values.get(section)?.get(key)
    }

    fn set(&mut self, path: &str, value: Value) {
        let Some(default) = self.find(path) else {
            return self.mistake(path, "there is no such key: see `todo check-config --defaults`");
        };
        let value = match (default, value) {
            (Value::Float(_), Value::Integer(whole)) => {
                Value::Float(i32::try_from(whole).map_or(f64::INFINITY, f64::from))
            }
            (_, value) => value,
        };
        if kind(default) != kind(&value) {
            return self.mistake(path, format!("must be {}", kind(default)));
        }
        if let Some((section, key)) = path.split_once('.')
            && let Some(Value::Table(keys)) = self.values.get_mut(section)
        {
            keys.insert(key.to_owned(), value);
        }
    }

    /// Reads a section into its room's type and asks for the room's own rules.
    pub(super) fn section<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        problems: fn(&T) -> Vec<(&'static str, String)>,
    ) -> Option<T> {
        let value = self.values.get(name).cloned().unwrap_or_else(|| Value::Table(Table::new()));
        match value.try_into::<T>() {
            Ok(config) => {
                for (key, says) in problems(&config) {
                    self.mistake(format!("{name}.{key}"), says);
                }
                Some(config)
            }
            Err(error) => {
                self.mistake(format!("[{name}]"), error.to_string().trim().replace('\n', " "));
                None
            }
        }
    }

    pub(super) fn finish(mut self) -> Mistakes {
        self.mistakes.sort();
        self.mistakes.dedup();
        Mistakes(self.mistakes)
    }
}

/// One value of the type that `like` has; `None` where it does not fit.
fn single(text: &str, like: Option<&Value>) -> Option<Value> {
    match like {
        Some(Value::Integer(_)) => text.trim().parse().map(Value::Integer).ok(),
        Some(Value::Float(_)) => text.trim().parse().map(Value::Float).ok(),
        Some(Value::Boolean(_)) => text.trim().parse().map(Value::Boolean).ok(),
        _ => Some(Value::String(text.to_owned())),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

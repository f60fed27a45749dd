//! The YAML of a form, read strictly: a field that nothing reads is a question that is never asked.

use std::collections::BTreeMap;

use bundles::deadline::{Roll, Term};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;

use super::deadline::{Deadline, Every, When};
use super::error::FormError;
use super::source::{EventSource, Shown, Source, Take, Test};
use super::{Field, Form, FormFile, Kind, Paper, Submission};

/// The most bytes of a file.
const FILE_BYTES_MAX: usize = 512 * 1_024;
/// The deepest nesting: file, fields, field, source, where, test, list.
const DEPTH_MAX: usize = 12;
/// The most fields of a form.
const FIELDS_MAX: usize = 1_000;
/// The most decimals of a number.
const DECIMALS_MAX: u8 = 6;
/// The most days that a deadline counts, as those of `bundles::deadline`.
const DAYS_MAX: u32 = 3_660;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormYaml {
    id: String,
    title: String,
    authority: String,
    framework: Option<String>,
    words: String,
    disclaimer: String,
    submission: Submission,
    kind: Kind,
    #[serde(default)]
    paper: Paper,
    #[serde(default)]
    deadlines: Vec<Value>,
    fields: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadlineYaml {
    report: Option<String>,
    zone: String,
    #[serde(default)]
    roll: Roll,
    calendar_days: Option<u32>,
    day_of_next_month: Option<u8>,
    every: Option<Every>,
    grace_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldYaml {
    id: String,
    title: String,
    #[serde(default)]
    required: bool,
    max_chars: Option<usize>,
    #[serde(default)]
    choices: Vec<String>,
    source: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceYaml {
    setting: Option<String>,
    event: Option<String>,
    events: Option<Vec<String>>,
    #[serde(default)]
    r#where: Vec<TestYaml>,
    count: Option<bool>,
    sum: Option<String>,
    scale: Option<f64>,
    decimals: Option<u8>,
    newest: Option<String>,
    oldest: Option<String>,
    subject: Option<String>,
    distinct: Option<String>,
    #[serde(default)]
    r#as: Shown,
    #[serde(default)]
    words: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestYaml {
    field: String,
    is: Option<Value>,
    is_not: Option<Value>,
    r#in: Option<Vec<Value>>,
}

/// A fault of an item, before it is known in which file it stands.
struct Fault {
    field: String,
    reason: String,
}

impl Fault {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    fn within(self, outer: &str) -> Self {
        let field = if self.field.is_empty() { outer.to_owned() } else { format!("{outer}.{}", self.field) };
        Self { field, ..self }
    }
}

/// Reads a file, or tells everything that is wrong with it.
pub(super) fn form(file: &FormFile) -> Result<Form, Vec<FormError>> {
    let (form, faults) = match document(file) {
        Ok((form, faults)) => (Some(form), faults),
        Err(fault) => (None, vec![fault]),
    };
    let errors: Vec<FormError> =
        faults.into_iter().map(|fault| FormError::new(&file.name, fault.field, fault.reason)).collect();
    match form {
        Some(form) if errors.is_empty() => Ok(form),
        _ => Err(errors),
    }
}

fn document(file: &FormFile) -> Result<(Form, Vec<Fault>), Fault> {
    if file.text.len() > FILE_BYTES_MAX {
        return Err(Fault::new("(file)", format!("has more than {FILE_BYTES_MAX} bytes")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_aliases: 0, max_documents: 1 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    let value: Value = serde_saphyr::from_str_with_options(&file.text, options)
        .map_err(|error| Fault::new("(yaml)", error.to_string()))?;
    let yaml: FormYaml = serde_json::from_value(value).map_err(|error| Fault::new("(file)", error.to_string()))?;
    let mut faults = Vec::new();
    if !is_name(&yaml.id) {
        faults.push(Fault::new("id", "is no lower-case name of letters, digits and hyphens"));
    }
    let texts = [
        ("title", &yaml.title),
        ("authority", &yaml.authority),
        ("words", &yaml.words),
        ("disclaimer", &yaml.disclaimer),
    ];
    let empty = texts.into_iter().filter(|(_, text)| !is_text(text));
    faults.extend(empty.map(|(field, _)| Fault::new(field, "is empty or begins or ends with white space")));
    let deadlines = numbered("deadlines", yaml.deadlines, &mut faults, deadline);
    faults.extend(check_deadlines(&deadlines, yaml.submission, yaml.kind));
    if yaml.framework.is_none() && yaml.submission == Submission::Required {
        faults.push(Fault::new("framework", "is missing, and the authority must have the report"));
    }
    if yaml.fields.is_empty() || yaml.fields.len() > FIELDS_MAX {
        faults.push(Fault::new("fields", format!("has none or more than {FIELDS_MAX}")));
    }
    let fields = numbered("fields", yaml.fields, &mut faults, field);
    faults.extend(check_unique(&fields));
    let form = Form {
        id: yaml.id,
        title: yaml.title,
        authority: yaml.authority,
        framework: yaml.framework,
        words: yaml.words,
        disclaimer: yaml.disclaimer,
        submission: yaml.submission,
        kind: yaml.kind,
        paper: yaml.paper,
        deadlines,
        fields,
    };
    Ok((form, faults))
}

fn numbered<T>(
    list: &str,
    values: Vec<Value>,
    faults: &mut Vec<Fault>,
    read: impl Fn(Value) -> Result<T, Fault>,
) -> Vec<T> {
    let mut items = Vec::new();
    for (at, value) in values.into_iter().enumerate() {
        match read(value) {
            Ok(item) => items.push(item),
            Err(fault) => faults.push(fault.within(&format!("{list}[{at}]"))),
        }
    }
    items
}

fn check_unique(fields: &[Field]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let mut before = fields.iter().take(at);
        if before.any(|other| other.id == field.id) {
            faults
                .push(Fault::new(format!("fields[{at}].id"), format!("`{}` is the id of another field too", field.id)));
        }
        if fields.iter().take(at).any(|other| other.title == field.title) {
            let reason = format!("`{}` is the title of another field too", field.title);
            faults.push(Fault::new(format!("fields[{at}].title"), reason));
        }
    }
    faults
}

fn check_deadlines(deadlines: &[Deadline], submission: Submission, kind: Kind) -> Vec<Fault> {
    let mut faults = Vec::new();
    if deadlines.is_empty() && submission == Submission::Required {
        faults.push(Fault::new("deadlines", "is empty, and the authority must have the report"));
    }
    for (at, deadline) in deadlines.iter().enumerate() {
        let is_of_period = matches!(deadline.when, When::PeriodEnd { .. });
        if is_of_period != (kind == Kind::Period) {
            let reason = "a period has `every` and `grace_days`, an occurrence `calendar_days` or `day_of_next_month`";
            faults.push(Fault::new(format!("deadlines[{at}]"), reason));
        }
        if deadlines.iter().take(at).any(|other| other.report == deadline.report) {
            faults.push(Fault::new(format!("deadlines[{at}].report"), "is that of another deadline too"));
        }
    }
    faults
}

fn deadline(value: Value) -> Result<Deadline, Fault> {
    let yaml: DeadlineYaml = from_value(value)?;
    if !is_zone(&yaml.zone) {
        return Err(Fault::new("zone", "is no name of a zone such as America/Los_Angeles"));
    }
    let when = match (yaml.calendar_days, yaml.day_of_next_month, yaml.every, yaml.grace_days) {
        (Some(days), None, None, None) if days <= DAYS_MAX => When::Notice(Term::CalendarDays(days)),
        (None, Some(day), None, None) if (1..=31).contains(&day) => When::Notice(Term::DayOfNextMonth(day)),
        (None, None, Some(every), Some(grace_days)) if grace_days <= DAYS_MAX => When::PeriodEnd { every, grace_days },
        _ => {
            let reason = "a deadline has exactly one of `calendar_days`, `day_of_next_month` and `every` with `grace_days`, \
                          within what a calendar has";
            return Err(Fault::new("", reason));
        }
    };
    if yaml.report.as_deref().is_some_and(|report| !is_name(report)) {
        return Err(Fault::new("report", "is no lower-case name of letters, digits and hyphens"));
    }
    Ok(Deadline { report: yaml.report, zone: yaml.zone, roll: yaml.roll, when })
}

fn field(value: Value) -> Result<Field, Fault> {
    let yaml: FieldYaml = from_value(value)?;
    if !is_word(&yaml.id) {
        return Err(Fault::new("id", "is no name of letters, digits and underscores"));
    }
    if !is_text(&yaml.title) {
        return Err(Fault::new("title", "is empty or begins or ends with white space"));
    }
    if yaml.max_chars == Some(0) {
        return Err(Fault::new("max_chars", "is zero"));
    }
    for (at, choice) in yaml.choices.iter().enumerate() {
        if !is_text(choice) || yaml.choices.iter().take(at).any(|other| other == choice) {
            return Err(Fault::new(
                format!("choices[{at}]"),
                "is empty, begins or ends with white space, or stands twice",
            ));
        }
    }
    let source = source(yaml.source, &yaml.choices).map_err(|fault| fault.within("source"))?;
    Ok(Field {
        id: yaml.id,
        title: yaml.title,
        required: yaml.required,
        max_chars: yaml.max_chars,
        choices: yaml.choices,
        source,
    })
}

fn source(value: Value, choices: &[String]) -> Result<Source, Fault> {
    if value.as_str() == Some("manual") {
        return Ok(Source::Manual);
    }
    let yaml: SourceYaml = from_value(value)?;
    if let Some(setting) = yaml.setting {
        let others = [&yaml.event, &yaml.sum, &yaml.newest, &yaml.oldest, &yaml.subject, &yaml.distinct];
        let alone = others.into_iter().all(Option::is_none) && yaml.events.is_none() && yaml.count.is_none();
        if !alone || !yaml.r#where.is_empty() || !yaml.words.is_empty() || !is_word(&setting) {
            return Err(Fault::new("setting", "is no name, or stands beside others"));
        }
        return Ok(Source::Setting { setting });
    }
    let take = take(&yaml)?;
    let events = match (yaml.event, yaml.events) {
        (Some(event), None) => vec![event],
        (None, Some(events)) if !events.is_empty() => events,
        (None, None) if matches!(take, Take::Subject { .. } | Take::Distinct { .. }) => Vec::new(),
        _ => return Err(Fault::new("", "has exactly one of `event` and `events`")),
    };
    let bad = |event: &&String| {
        !event.split_once('.').is_some_and(|(domain, name)| is_word(domain) && is_word(name))
            || events.iter().filter(|other| other == event).count() > 1
    };
    if let Some(event) = events.iter().find(bad) {
        return Err(Fault::new(
            "events",
            format!("`{event}` is no type of event such as `trip.created`, or stands twice"),
        ));
    }
    if let Some(word) = yaml.words.values().find(|word| !choices.is_empty() && !choices.contains(word)) {
        return Err(Fault::new("words", format!("`{word}` is none of the choices")));
    }
    let of_field = matches!(take, Take::Newest { .. } | Take::Oldest { .. });
    if !of_field && (!yaml.words.is_empty() || yaml.r#as != Shown::AsItIs) {
        return Err(Fault::new("", "`words` and `as` are for `newest` and `oldest`"));
    }
    if !yaml.words.is_empty() && yaml.r#as != Shown::AsItIs {
        return Err(Fault::new("", "has only one of `words` and `as`"));
    }
    let tests = yaml.r#where.into_iter().enumerate().map(|(at, yaml)| test(at, yaml)).collect::<Result<_, _>>()?;
    Ok(Source::Events(EventSource { events, tests, take, shown: yaml.r#as, words: yaml.words }))
}

fn take(yaml: &SourceYaml) -> Result<Take, Fault> {
    let taken = [
        yaml.count.filter(|count| *count).map(|_| Take::Count),
        yaml.sum.clone().map(|field| Take::Sum {
            field,
            scale: yaml.scale.unwrap_or(1.0),
            decimals: yaml.decimals.unwrap_or(0),
        }),
        yaml.newest.clone().map(|field| Take::Newest { field }),
        yaml.oldest.clone().map(|field| Take::Oldest { field }),
        yaml.subject.clone().map(|kind| Take::Subject { kind }),
        yaml.distinct.clone().map(|kind| Take::Distinct { kind }),
    ];
    let mut taken = taken.into_iter().flatten();
    let (Some(take), None) = (taken.next(), taken.next()) else {
        let reason = "is `manual` or has exactly one of `setting`, `count: true`, `sum`, `newest`, `oldest`, `subject` and \
                      `distinct`";
        return Err(Fault::new("", reason));
    };
    let is_sum = matches!(take, Take::Sum { .. });
    if !is_sum && (yaml.scale.is_some() || yaml.decimals.is_some()) {
        return Err(Fault::new("", "`scale` and `decimals` are for `sum`"));
    }
    let sound = match &take {
        Take::Count => true,
        Take::Sum { field, scale, decimals } => {
            is_path(field) && scale.is_finite() && *scale > 0.0 && *decimals <= DECIMALS_MAX
        }
        Take::Newest { field } | Take::Oldest { field } => is_path(field),
        Take::Subject { kind } | Take::Distinct { kind } => is_word(kind),
    };
    if sound { Ok(take) } else { Err(Fault::new("", "names no field or kind, or has no number that a sum can have")) }
}

fn test(at: usize, yaml: TestYaml) -> Result<Test, Fault> {
    let fault = |reason: &str| Err(Fault::new(format!("where[{at}]"), reason));
    let (among, negated) = match (yaml.is, yaml.is_not, yaml.r#in) {
        (Some(value), None, None) => (vec![value], false),
        (None, Some(value), None) => (vec![value], true),
        (None, None, Some(values)) if !values.is_empty() => (values, false),
        _ => return fault("a test has exactly one of `is`, `is_not` and `in`"),
    };
    if !is_path(&yaml.field) {
        return fault("`field` is no path of names with dots between them");
    }
    if !among.iter().all(|value| value.is_boolean() || value.is_number() || value.is_string()) {
        return fault("a field is compared with texts, numbers and booleans only");
    }
    Ok(Test { field: yaml.field, among, negated })
}

fn from_value<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Fault> {
    serde_json::from_value(value).map_err(|error| Fault::new("", error.to_string()))
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_path(text: &str) -> bool {
    text.split('.').all(is_word)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// `UTC`, or an area and a place as the IANA writes them.
fn is_zone(text: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_uppercase())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+'))
    };
    text == "UTC" || (text.contains('/') && text.split('/').all(part))
}

//! What vehicles say of their components, and what is kept of it. Readings are checked against the catalogue; what cannot be
//! true is set aside with a reason, and is seen, not lost.

use std::collections::BTreeMap;

use kernel::Timestamp;
use kernel::id::BootId;
use prognostics::catalog::{
    CodeLedger, CodeState, ComponentClass, SetAside, Source, Status, StuckDetector, TroubleCode, check_reading,
};
use prognostics::features::{Compiled, Definition, Row, Window};
use prognostics::messages::Frame;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A frame from further ahead of our clock is set aside, in milliseconds.
const AHEAD_MAX_MS: i64 = 300_000;
/// How many readings that were set aside a vehicle's row keeps.
const SET_ASIDE_MAX: usize = 50;
/// A component's life is looked at in so many steps of usage: features are about usage, not about time.
pub const STEPS_IN_A_LIFE: f64 = 200.0;
/// A prediction from rows older than this says nothing, in milliseconds: a vehicle that stands for a week does not wear.
const ROW_TTL_MS: i64 = 7 * 86_400_000;
/// After a reading that was set aside a component's readings are not trusted for so many of its frames.
const DISTRUSTED_FRAMES: u32 = 10;

/// A reading or frame that is kept out of every decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Doubtful {
    pub at: Timestamp,
    pub component: String,
    /// The signal; none: the whole frame.
    pub signal: Option<String>,
    pub reason: String,
}

/// The newest value of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latest {
    pub value: f64,
    pub at: Timestamp,
}

/// What is known of a component beside its features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentReadings {
    pub class: ComponentClass,
    /// Counts the parts that were fitted in this place, from 1.
    pub unit: u32,
    pub usage: f64,
    /// The usage of the newest row of features.
    pub row_usage: Option<f64>,
    /// When the newest frame was taken.
    pub at: Timestamp,
    pub latest: BTreeMap<String, Latest>,
    stuck: BTreeMap<String, StuckDetector>,
    /// For how many frames more its readings are not trusted.
    pub distrusted: u32,
    /// How many judgements in a row, the newest included, say that it may fail within the day.
    pub low: u32,
}

/// What is known of a vehicle's diagnostics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub boot: BootId,
    pub through_seq: u64,
    pub components: BTreeMap<String, ComponentReadings>,
    pub codes: CodeLedger,
    /// The newest last.
    pub set_aside: Vec<Doubtful>,
    /// How many were set aside in all.
    pub set_aside_total: u64,
    pub assessed_at: Option<Timestamp>,
}

impl Kept {
    pub fn new(boot: BootId) -> Self {
        Self {
            boot,
            through_seq: 0,
            components: BTreeMap::new(),
            codes: CodeLedger::new(),
            set_aside: Vec::new(),
            set_aside_total: 0,
            assessed_at: None,
        }
    }

    fn doubt(&mut self, at: Timestamp, component: &str, signal: Option<&str>, reason: impl Into<String>) {
        self.set_aside_total = self.set_aside_total.saturating_add(1);
        let signal = signal.map(Into::into);
        self.set_aside.push(Doubtful { at, component: component.into(), signal, reason: reason.into() });
        if self.set_aside.len() > SET_ASIDE_MAX {
            self.set_aside.remove(0);
        }
    }

    /// Takes a frame; answers the row for the component's features, where it has been used enough since the last one.
    pub fn take(&mut self, frame: &Frame, now: Timestamp) -> Option<Row> {
        let (name, class) = (frame.component.as_str(), frame.class);
        if let Err(reason) = check_frame(frame, self.components.get(name), self.components.len(), now) {
            self.doubt(frame.at, name, None, reason);
            return None;
        }
        let at_ms = u64::try_from(frame.at.as_ms()).unwrap_or(0);
        self.take_codes(frame, at_ms);
        let mut doubts = Vec::new();
        let component = self.components.entry(name.to_owned()).or_insert_with(|| ComponentReadings::new(frame));
        component.distrusted = component.distrusted.saturating_sub(1);
        let mut values = Vec::new();
        for signal in class.spec().signals {
            let given =
                frame.readings.iter().find(|(path, _)| class.signal(path).is_some_and(|s| s.name == signal.name));
            let value = match given.map(|(path, value)| (path, value.unwrap_or(f64::NAN))) {
                None => f64::NAN,
                Some((path, value)) => match component.check(class, path, value, at_ms, frame.usage) {
                    Ok(()) => {
                        component.latest.insert(signal.name.to_owned(), Latest { value, at: frame.at });
                        value
                    }
                    Err(why) => {
                        doubts.push((path.clone(), why.to_string()));
                        f64::NAN
                    }
                },
            };
            values.push(value);
        }
        for path in frame.readings.keys().filter(|path| class.signal(path).is_none()) {
            doubts.push((path.clone(), SetAside::UnknownSignal { signal: path.clone() }.to_string()));
        }
        if !doubts.is_empty() {
            component.distrusted = DISTRUSTED_FRAMES;
        }
        component.usage = component.usage.max(frame.usage);
        component.at = component.at.max(frame.at);
        let step = class.spec().life / STEPS_IN_A_LIFE;
        let is_row = component.row_usage.is_none_or(|row| frame.usage - row >= step);
        if is_row {
            component.row_usage = Some(frame.usage);
        }
        for (signal, reason) in doubts {
            self.doubt(frame.at, name, Some(&signal), reason);
        }
        is_row.then(|| Row { at_ms: frame.at.as_ms(), recorded_ms: now.as_ms(), usage: frame.usage, values })
    }

    fn take_codes(&mut self, frame: &Frame, at_ms: u64) {
        let mut by_unit: BTreeMap<(Source, String), Vec<TroubleCode>> = BTreeMap::new();
        for spec in frame.class.spec().codes {
            by_unit.entry((spec.source, spec.ecu.to_owned())).or_default();
        }
        let mut wrong = Vec::new();
        for code in &frame.codes {
            match TroubleCode::new(code.source, &code.ecu, &code.code, code.failure_type, Status(code.status)) {
                Ok(known) => by_unit.entry((code.source, code.ecu.clone())).or_default().push(known),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        for reason in wrong {
            self.doubt(frame.at, &frame.component, None, reason);
        }
        // Each place has a control unit of its own: the codes of the left brake do not heal those of the right one.
        for ((source, ecu), snapshot) in by_unit {
            let unit = format!("{ecu}/{}", frame.component);
            let placed: Vec<TroubleCode> = snapshot
                .iter()
                .filter_map(|code| {
                    TroubleCode::new(source, &unit, code.code(), code.failure_type(), code.status()).ok()
                })
                .collect();
            self.codes.apply(source, &unit, &placed, at_ms);
        }
    }

    /// The codes of a component that are confirmed, and those of them that say by themselves that it is unsafe.
    pub fn confirmed_codes(&self, name: &str, class: ComponentClass) -> (Vec<String>, Vec<String>) {
        let (mut confirmed, mut unsafe_codes) = (Vec::new(), Vec::new());
        for (key, interval) in self.codes.open() {
            if !key.ecu.ends_with(&format!("/{name}")) {
                continue;
            }
            let spec = class.spec().codes.iter().find(|spec| {
                spec.source == key.source
                    && spec.code == key.code
                    && (spec.failure_type.is_none() || spec.failure_type == key.failure_type)
            });
            let text = match spec {
                Some(spec) => format!("{}: {}", key.code, spec.meaning),
                None => key.code.clone(),
            };
            if interval.state == CodeState::Confirmed {
                confirmed.push(text.clone());
            }
            let forbids = interval.status.test_failed() || interval.status.confirmed();
            if spec.is_some_and(|spec| spec.hard_safety) && forbids {
                unsafe_codes.push(text);
            }
        }
        (confirmed, unsafe_codes)
    }

    /// A new part is in a component's place.
    pub fn refit(&mut self, name: &str, unit: u32) {
        if let Some(component) = self.components.get_mut(name) {
            component.unit = unit;
            component.row_usage = None;
            component.usage = 0.0;
            component.latest.clear();
            component.stuck.clear();
            (component.distrusted, component.low) = (0, 0);
        }
    }
}

impl ComponentReadings {
    fn new(frame: &Frame) -> Self {
        Self {
            class: frame.class,
            unit: 1,
            usage: frame.usage,
            row_usage: None,
            at: frame.at,
            latest: BTreeMap::new(),
            stuck: BTreeMap::new(),
            distrusted: 0,
            low: 0,
        }
    }

    fn check(&mut self, class: ComponentClass, path: &str, value: f64, at_ms: u64, usage: f64) -> Result<(), SetAside> {
        let name = class.signal(path).map_or(path, |signal| signal.name);
        let previous =
            self.latest.get(name).map(|latest| (u64::try_from(latest.at.as_ms()).unwrap_or(0), latest.value));
        check_reading(class, path, value, previous, at_ms)?;
        self.stuck.entry(name.to_owned()).or_default().observe(class, path, value, usage)
    }
}

fn check_frame(
    frame: &Frame,
    known: Option<&ComponentReadings>,
    components: usize,
    now: Timestamp,
) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if frame.component.is_empty() || frame.component.len() > 60 || !frame.component.bytes().all(plain) {
        return Err("the component's name must be lower-case letters, digits and dashes".into());
    }
    if known.is_none() && components >= crate::health::COMPONENTS_MAX {
        return Err("the vehicle has too many components".into());
    }
    if known.is_some_and(|known| known.class != frame.class) {
        return Err("the component was of another class before".into());
    }
    if frame.at.as_ms() - now.as_ms() > AHEAD_MAX_MS {
        return Err(format!("the frame's time {} is ahead of ours: look at the vehicle's clock", frame.at));
    }
    if !frame.usage.is_finite() || frame.usage < 0.0 {
        return Err("the usage is no number from 0 on".into());
    }
    Ok(())
}

/// The features of a class: one definition for what is served and for what models learn from.
pub fn features_of(class: ComponentClass) -> Result<Compiled, prognostics::features::FeatureError> {
    let signals = class.spec().signals.iter().map(|signal| signal.name.to_owned()).collect();
    Definition { signals, windows: vec![5, 15, 30], ttl_ms: ROW_TTL_MS, version: 1 }.compile()
}

/// The features of a component of which nothing is known yet.
pub fn empty_window(class: ComponentClass) -> Result<Window, prognostics::features::FeatureError> {
    Ok(Window::new(&features_of(class)?, 0.0))
}

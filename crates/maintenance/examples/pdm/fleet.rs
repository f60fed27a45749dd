//! Brake pads of 200 vehicles over 60 days, in the same lives: replaced when a vehicle is grounded by the prediction, at a
//! fixed interval, and when they fail.

use maintenance::diagnostics::features_of;
use maintenance::judge::{GROUND_WITHIN_H, LOW_TWICE};
use prognostics::catalog::ComponentClass;
use prognostics::features::{Compiled, Row, Window};
use prognostics::rul::{Example, Label, Model, Settings, train};
use prognostics::survival::{Lifetime, Weibull};
use prognostics::wear::{Outcome, UnitHistory, history};

use crate::AnyError;

const CLASS: ComponentClass = ComponentClass::BrakePads;
const VEHICLES: usize = 200;
const DAYS: f64 = 60.0;
/// How much a vehicle drives in a day.
const KM_PER_DAY: f64 = 300.0;
/// Looks at a part in its life: one in some nine hours.
const ROWS: usize = 250;
/// Lives that the model learns from.
const LEARNED: usize = 100;
/// A part that would have lasted so much longer was taken out for nothing.
const SOUND_KM: f64 = 7.0 * KM_PER_DAY;

/// What became of a fleet.
#[derive(Debug, Default)]
struct Fate {
    /// Parts that failed in service.
    failed: u32,
    replaced: u32,
    /// Parts that were taken out with more than a week left.
    sound: u32,
    /// What the parts that were taken out would still have lasted, in kilometres.
    wasted_km: f64,
}

impl Fate {
    fn print(&self, name: &str) {
        let per_1000 = |count: u32| f64::from(count) * 1_000.0 / (VEHICLES as f64 * DAYS);
        println!(
            "{name:16} failed {:5.2}   replaced {:5.2}   while sound {:5.2}   per 1,000 vehicle-days; {:5.0} km left when replaced",
            per_1000(self.failed),
            per_1000(self.replaced),
            per_1000(self.sound),
            self.wasted_km / f64::from(self.replaced.max(1))
        );
    }

    fn replace(&mut self, left_km: f64) {
        self.replaced += 1;
        self.sound += u32::from(left_km > SOUND_KM);
        self.wasted_km += left_km;
    }
}

/// When a part is taken out.
enum Policy<'a> {
    Prediction(&'a Model),
    At(f64),
    Failure,
}

fn rows(life: &UnitHistory) -> impl Iterator<Item = Row> {
    life.rows.iter().map(|row| {
        let at_ms = i64::try_from(row.at_ms).unwrap_or(i64::MAX);
        Row { at_ms, recorded_ms: at_ms, usage: row.usage, values: row.values.clone() }
    })
}

/// Until which usage a part stays: its own end, or when the policy takes it out.
fn out_at(life: &UnitHistory, compiled: &Compiled, policy: &Policy<'_>) -> Result<f64, AnyError> {
    match policy {
        Policy::Failure => Ok(life.end_usage),
        Policy::At(usage) => Ok(usage.min(life.end_usage)),
        Policy::Prediction(model) => {
            let mut window = Window::new(compiled, 0.0);
            let mut low = 0;
            for row in rows(life) {
                window.push(&row)?;
                let served = window.vector(compiled, row.at_ms)?;
                let Some(features) = served.fresh() else { continue };
                let hours = model.predict(&features.values)?.lower80 / (KM_PER_DAY / 24.0);
                low = if hours <= GROUND_WITHIN_H { low + 1 } else { 0 };
                if low >= LOW_TWICE {
                    return Ok(row.usage);
                }
            }
            Ok(life.end_usage)
        }
    }
}

/// Every vehicle with one part after the other, the first one used already.
fn play(lives: &[UnitHistory], compiled: &Compiled, policy: &Policy<'_>) -> Result<Fate, AnyError> {
    let mut fate = Fate::default();
    let mut next = lives.iter();
    for vehicle in 0..VEHICLES {
        let mut driven = -(vehicle as f64 / VEHICLES as f64) * CLASS.spec().life;
        for life in next.by_ref() {
            let out = out_at(life, compiled, policy)?;
            driven += out;
            if driven > KM_PER_DAY * DAYS {
                break;
            }
            // What was over before the first day is not of this fleet.
            if driven <= 0.0 {
                continue;
            }
            let left = life.end_usage - out;
            if left > 0.0 { fate.replace(left) } else { fate.failed += 1 }
        }
    }
    Ok(fate)
}

fn examples(lives: &[UnitHistory], compiled: &Compiled) -> Result<Vec<Example>, AnyError> {
    let mut examples = Vec::new();
    for (unit, life) in (0_u32..).zip(lives) {
        let label = if life.outcome == Outcome::Failed { Label::Failed } else { Label::Censored };
        let mut window = Window::new(compiled, 0.0);
        for (n, row) in rows(life).enumerate() {
            window.push(&row)?;
            if n % 4 != 0 {
                continue;
            }
            if let Some(features) = window.vector(compiled, row.at_ms)?.fresh() {
                let rul = (life.end_usage - row.usage).max(0.0);
                examples.push(Example { unit, features: features.values.clone(), rul, label });
            }
        }
    }
    Ok(examples)
}

pub fn run() -> Result<(), AnyError> {
    let compiled = features_of(CLASS)?;
    let learned = history(CLASS, LEARNED, 7, ROWS);
    let settings = Settings::new(1, CLASS.spec().rul_cap);
    let model = train(&examples(&learned, &compiled)?, &settings, &mut |_| true)?.model;
    let lifetime = |life: &UnitHistory| match life.outcome {
        Outcome::Failed => Lifetime::failure(life.end_usage),
        Outcome::Censored => Lifetime::censored(life.end_usage),
    };
    let lifetimes: Vec<Lifetime> = learned.iter().map(lifetime).collect();
    let interval = Weibull::fit(&lifetimes)?.remaining(0.0, 0.05)?;
    let lives: Vec<UnitHistory> =
        history(CLASS, 4 * VEHICLES, 1_009, ROWS).into_iter().filter(|life| life.outcome == Outcome::Failed).collect();
    println!(
        "{VEHICLES} vehicles, {DAYS} days, {KM_PER_DAY} km a day; a model of {LEARNED} lives; the interval is {interval:.0} km (5 % fail before)"
    );
    play(&lives, &compiled, &Policy::Failure)?.print("run to failure");
    play(&lives, &compiled, &Policy::At(interval))?.print("fixed interval");
    play(&lives, &compiled, &Policy::Prediction(&model))?.print("prediction");
    Ok(())
}

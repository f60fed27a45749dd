//! C-MAPSS FD001 (Saxena et al. 2008): cross-validates by engine, with and without the age, and measures what features,
//! training and predictions take.

use std::time::Instant;

use prognostics::features::{Definition, Row, Served, Window};
use prognostics::rul::evaluate::{Report, Scores, cross_validate};
use prognostics::rul::{Example, Label, Model, Settings, train};

use crate::AnyError;

/// The sensors that vary: the other seven are constant in FD001.
const SENSORS: [usize; 14] = [2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 17, 20, 21];
const FOLDS: usize = 5;
const FIRST_SENSOR_COLUMN: usize = 4;

fn definition() -> Definition {
    let signals = SENSORS.iter().map(|sensor| format!("s{sensor}")).collect();
    Definition { signals, windows: vec![5, 15, 30], ttl_ms: 1, version: 1 }
}

/// The rows of each engine, a cycle being one unit of usage and one millisecond.
fn engines(text: &str) -> Result<Vec<Vec<Row>>, AnyError> {
    let mut engines: Vec<Vec<Row>> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let columns = line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let value = |column: usize| columns.get(column).copied().ok_or("a line has too few columns");
        let cycle = value(1)?;
        let values = SENSORS.iter().map(|sensor| value(sensor + FIRST_SENSOR_COLUMN)).collect::<Result<_, _>>()?;
        let at_ms = cycle as i64;
        let row = Row { at_ms, recorded_ms: at_ms, usage: cycle, values };
        match engines.last_mut() {
            // An engine's cycles count up from 1.
            Some(rows) if rows.last().is_some_and(|last| last.usage < cycle) => rows.push(row),
            _ => engines.push(vec![row]),
        }
    }
    Ok(engines)
}

/// An example per row: every engine ran until it failed.
fn examples(engines: &[Vec<Row>], is_age_known: bool) -> Result<Vec<Example>, AnyError> {
    let compiled = definition().compile()?;
    let mut examples = Vec::new();
    for (unit, rows) in (0_u32..).zip(engines) {
        let mut window = Window::new(&compiled, 0.0);
        let life = rows.last().map_or(0.0, |row| row.usage);
        for row in rows {
            window.push(row)?;
            if let Served::Fresh(features) = window.vector(&compiled, row.at_ms)? {
                let mut features = features.values;
                if !is_age_known {
                    features.pop();
                }
                examples.push(Example { unit, features, rul: life - row.usage, label: Label::Failed });
            }
        }
    }
    Ok(examples)
}

/// Cross-validates by engine on the text of `train_FD001.txt`.
fn evaluate(text: &str, settings: &Settings, is_age_known: bool) -> Result<Report, AnyError> {
    let examples = examples(&engines(text)?, is_age_known)?;
    Ok(cross_validate(&examples, settings, FOLDS, &mut |_| true)?)
}

/// The CPU time that this process took so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |field: usize| after_name.split(' ').nth(field).and_then(|ticks| ticks.parse::<f64>().ok());
    (ticks(11).unwrap_or(f64::NAN) + ticks(12).unwrap_or(f64::NAN)) / 100.0
}

fn print_scores(name: &str, scores: &Scores) {
    println!(
        "  {name}: RMSE {:.2}, MAE {:.2}, NASA {:.0}, 90 %: {:.3} within {:.1}, 80 %: {:.3} within {:.1}, pinball10 {:.2}",
        scores.rmse,
        scores.mae,
        scores.nasa_score,
        scores.coverage90,
        scores.width90,
        scores.coverage80,
        scores.width80,
        scores.pinball10
    );
}

fn measure_features(engines: &[Vec<Row>]) -> Result<(), AnyError> {
    let compiled = definition().compile()?;
    let rows: usize = engines.iter().map(Vec::len).sum();
    for is_vector_asked in [false, true] {
        let rounds = if is_vector_asked { 5 } else { 500 };
        let (start, before) = (Instant::now(), cpu_seconds());
        let mut window = Window::new(&compiled, 0.0);
        let mut fresh = 0_usize;
        for _ in 0..rounds {
            for engine in engines {
                window.reset(0.0);
                for row in engine {
                    window.push(row)?;
                    if is_vector_asked {
                        fresh += usize::from(window.vector(&compiled, row.at_ms)?.fresh().is_some());
                    }
                }
            }
        }
        let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - before);
        let rate = (rounds * rows) as f64 / cpu;
        println!(
            "push{}: {rate:.0} rows per CPU second ({cpu:.2} s CPU, {wall:.2} s wall, {fresh} vectors)",
            if is_vector_asked { " and vector" } else { "" }
        );
    }
    Ok(())
}

fn measure_model(examples: &[Example], settings: &Settings) -> Result<(), AnyError> {
    let before = cpu_seconds();
    let trained = train(examples, settings, &mut |_| true)?;
    let bytes = trained.model.to_bytes()?;
    println!(
        "training: {:.2} CPU s, out-of-fold RMSE {:.2}, {} bytes of JSON",
        cpu_seconds() - before,
        trained.rmse,
        bytes.len()
    );
    let before = cpu_seconds();
    for _ in 0..20 {
        Model::from_bytes(&bytes)?;
    }
    println!("reading: {:.1} ms CPU", (cpu_seconds() - before) * 50.0);
    let model = Model::from_bytes(&bytes)?;
    let before = cpu_seconds();
    let mut sum = 0.0;
    for example in examples.iter().cycle().take(200_000) {
        sum += model.predict(&example.features)?.median;
    }
    println!("prediction: {:.2} µs CPU (mean {:.1})", (cpu_seconds() - before) * 5.0, sum / 200_000.0);
    let before = cpu_seconds();
    let mut count = 0;
    for example in examples.iter().cycle().take(50_000) {
        count += model.reasons(&example.features)?.len();
    }
    println!("reasons: {:.2} µs CPU ({count})", (cpu_seconds() - before) * 20.0);
    Ok(())
}

/// Prints every figure that follows from the text of `train_FD001.txt`.
pub fn run(text: &str) -> Result<(), AnyError> {
    let engines = engines(text)?;
    println!(
        "C-MAPSS FD001: {} engines, {} rows, cap 125, {FOLDS} folds by engine",
        engines.len(),
        engines.iter().map(Vec::len).sum::<usize>()
    );
    measure_features(&engines)?;
    let settings = Settings::new(1, 125.0);
    measure_model(&examples(&engines, true)?, &settings)?;
    for is_age_known in [true, false] {
        let before = cpu_seconds();
        let report = evaluate(text, &settings, is_age_known)?;
        println!("{} the age ({:.0} CPU s):", if is_age_known { "with" } else { "without" }, cpu_seconds() - before);
        print_scores(&format!("one cut per engine (RMSE sd {:.2})", report.rmse_sd), &report.per_unit);
        print_scores("all rows", &report.all_rows);
    }
    Ok(())
}

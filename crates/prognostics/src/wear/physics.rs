//! How each class wears and what its sensors would show without noise. The shapes are those of the field: Archard for
//! friction, Arrhenius for heat, load life with exponent 3 for bearings, Coffin-Manson for thermal cycles. The
//! constants are estimates, and every life is scaled to the catalog at [`Duty::ORDINARY`].

use super::Duty;
use crate::catalog::ComponentClass;

/// Energy of the new traction battery, kilowatt-hours.
const BATTERY_KWH: f64 = 300.0;
/// Standard gravity, metres per second squared.
const GRAVITY: f64 = 9.81;
/// Mass of the vehicle, tonnes.
const MASS_T: f64 = 20.0;
/// Parts into which an integral over damage is cut.
const PARTS: u32 = 64;

/// Usage per second of operation, in the unit of the class.
pub(super) fn usage_per_s(class: ComponentClass, duty: &Duty) -> f64 {
    match class {
        ComponentClass::BrakePads | ComponentClass::Tyre | ComponentClass::WheelBearing => duty.speed_mps / 1_000.0,
        ComponentClass::CoolantPump | ComponentClass::AirCompressor => 1.0 / 3_600.0,
        ComponentClass::TractionBattery => battery_kw(duty) / 3_600.0 / BATTERY_KWH,
    }
}

/// Electric power out of or back into the battery, kilowatts: 1.1 kWh/km at ordinary duty and 2 kW for auxiliaries.
fn battery_kw(duty: &Duty) -> f64 {
    let climb_kw = MASS_T * GRAVITY * duty.grade * duty.speed_mps;
    (duty.speed_mps * (2.0 + 3.2 * duty.load_ratio) + climb_kw).abs() + 2.0
}

/// Deceleration that friction brakes do, metres per second squared: regeneration does most of a descent.
fn friction_mps2(duty: &Duty) -> f64 {
    duty.braking_mps2 + 0.3 * GRAVITY * (-duty.grade).max(0.0)
}

/// Seconds after which a temperature has gone 63 percent of its way.
pub(super) fn thermal_s(class: ComponentClass) -> f64 {
    match class {
        ComponentClass::BrakePads => 300.0,
        ComponentClass::Tyre | ComponentClass::WheelBearing => 900.0,
        ComponentClass::TractionBattery => 3_600.0,
        ComponentClass::CoolantPump => 200.0,
        ComponentClass::AirCompressor => 240.0,
    }
}

/// The temperature that lasting duty leads to, degrees Celsius: disc, tyre air, bearing, hottest cell, coolant, outlet
/// air.
pub(super) fn temperature_c(class: ComponentClass, duty: &Duty, damage: f64) -> f64 {
    let load = 0.4 + duty.load_ratio;
    let d = damage;
    match class {
        ComponentClass::BrakePads => {
            let heat = 80.0 * friction_mps2(duty) * duty.speed_mps * load * (1.0 + 0.4 * d);
            duty.ambient_c + 15.0 + 600.0 * heat / (600.0 + heat)
        }
        ComponentClass::Tyre => duty.ambient_c + 1.3 * duty.speed_mps.min(40.0) * load * (1.0 + 0.3 * d * d),
        ComponentClass::WheelBearing => {
            duty.ambient_c + (1.1 * duty.speed_mps * load * (1.0 + 1.2 * d.powi(3))).min(120.0)
        }
        ComponentClass::TractionBattery => {
            let heat = 6.0 * (battery_kw(duty) / 57.0).powi(2) * (1.0 + 0.8 * d);
            12.0 + 0.5 * duty.ambient_c + 35.0 * heat / (35.0 + heat)
        }
        ComponentClass::CoolantPump => {
            let heat = 10.0 + 20.0 * battery_kw(duty) / 57.0;
            duty.ambient_c + (heat / flow_share(d)).min(70.0)
        }
        ComponentClass::AirCompressor => duty.ambient_c + 50.0 + 130.0 * air_share(duty, d),
    }
}

/// Flow of the pump as a share of a new one.
fn flow_share(damage: f64) -> f64 {
    1.0 - 0.32 * damage.clamp(0.0, 1.5).powf(1.6)
}

/// Share of the time that the compressor runs: air for the brakes and for leaks.
fn air_share(duty: &Duty, damage: f64) -> f64 {
    ((0.08 + 1.2 * friction_mps2(duty).min(0.5)) * (1.0 + 0.9 * damage * damage)).min(0.95)
}

/// How much faster something ages at a temperature than at a reference: Arrhenius with activation energy over gas
/// constant in kelvins.
fn arrhenius(at_c: f64, reference_c: f64, kelvins: f64) -> f64 {
    (kelvins * (1.0 / (reference_c + 273.15) - 1.0 / (at_c + 273.15))).clamp(-5.0, 5.0).exp()
}

/// Wear per second in arbitrary units; only ratios count.
pub(super) fn stress(class: ComponentClass, duty: &Duty, at_c: f64, damage: f64) -> f64 {
    let load = 0.4 + duty.load_ratio;
    let d = damage;
    match class {
        ComponentClass::BrakePads => {
            let softening = ((at_c - 150.0) / 400.0).clamp(-0.5, 2.0).exp();
            friction_mps2(duty) * duty.speed_mps * load * softening * (1.0 + 0.15 * d)
        }
        ComponentClass::Tyre => {
            let heat = ((at_c - 40.0) / 120.0).clamp(-1.0, 1.5).exp();
            duty.speed_mps * load.powf(1.5) * (1.0 + 3.0 * duty.braking_mps2) * heat * (1.0 + 0.2 * d)
        }
        ComponentClass::WheelBearing => {
            duty.speed_mps * load.powi(3) * arrhenius(at_c, 40.0, 2_500.0) * (1.0 + 3.0 * d * d)
        }
        ComponentClass::TractionBattery => {
            // Ten years of rest at 25 degrees age it as much as a whole life of cycles.
            let calendar = 3_000.0 / (10.0 * 365.25 * 86_400.0);
            let cycling = usage_per_s(class, duty) * (0.8 + 0.2 * battery_kw(duty) / 57.0);
            (cycling * arrhenius(at_c, 25.0, 2_950.0) + 0.5 * calendar * arrhenius(at_c, 25.0, 6_000.0))
                * (0.7 + 0.8 * d * d)
        }
        ComponentClass::CoolantPump => {
            // Every stop is a thermal cycle; the swing counts with exponent 2.
            let cycles = 0.4 + 6.0 * friction_mps2(duty).min(0.5);
            cycles * ((at_c - duty.ambient_c) / 30.0).powi(2) * (1.0 + d * d)
        }
        ComponentClass::AirCompressor => air_share(duty, d) * arrhenius(at_c, 100.0, 3_000.0) * (1.0 + 0.3 * d),
    }
}

/// Wear for one unit of usage at lasting duty, in the arbitrary units of [`stress`]; `None` where the duty uses
/// nothing.
fn stress_per_usage(class: ComponentClass, duty: &Duty, damage: f64) -> Option<f64> {
    let usage = usage_per_s(class, duty);
    let stress = stress(class, duty, temperature_c(class, duty, damage), damage);
    (usage > 0.0 && stress > 0.0).then(|| stress / usage)
}

/// Usage that takes the damage from one value to another at lasting duty, if one unit of stress were one of damage.
pub(super) fn usage_between(class: ComponentClass, duty: &Duty, from: f64, to: f64) -> Option<f64> {
    let part = (to - from) / f64::from(PARTS);
    (0..PARTS)
        .map(|at| stress_per_usage(class, duty, from + part * (f64::from(at) + 0.5)).map(|stress| part / stress))
        .sum()
}

/// What the sensors show without noise, in the order of the catalog. `bias` is how far this component's sensors are
/// off, in standard deviations, at most 2.
pub(super) fn signals(class: ComponentClass, duty: &Duty, at_c: f64, damage: f64, bias: &[f64; 4]) -> Vec<f64> {
    let d = damage;
    let off = |index: usize, share: f64| 1.0 + share * bias[index];
    match class {
        ComponentClass::BrakePads => {
            let fade = 0.08 * (at_c - 150.0).max(0.0);
            vec![
                5.0 + 78.0 * d.powf(0.9) * off(0, 0.04),
                at_c + 4.0 * bias[1],
                25.0 + 20.0 * d + 1.5 * bias[2],
                120.0 * (1.0 + 0.5 * d.powi(3)) * off(3, 0.05) + fade,
            ]
        }
        ComponentClass::Tyre => vec![
            820.0 * (1.0 - 0.12 * d * d) * (at_c + 273.15) / 293.15 * off(0, 0.01),
            at_c + bias[1],
            14.0 - 11.0 * d * off(2, 0.04),
            0.4 + 0.05 * duty.speed_mps * (1.0 + 2.0 * d * d) * off(3, 0.1),
        ],
        ComponentClass::WheelBearing => vec![
            0.4 + (0.2 + 0.06 * duty.speed_mps) * (2.2 * d * d).exp() * off(0, 0.1),
            at_c + 1.5 * bias[1],
            // Sharp blows first; late, when the whole raceway is rough, they drown.
            3.4 + 9.0 * d * d * (1.7 - d).max(0.1) * off(2, 0.1),
        ],
        ComponentClass::TractionBattery => vec![
            98.0 - 22.0 * d.max(0.0).powf(0.8) * off(0, 0.06),
            at_c + 0.5 * bias[1],
            3.62 - 0.12 * (1.0 + 1.1 * d) * (battery_kw(duty) / 57.0).min(4.0) - 0.08 * d * d + 0.005 * bias[2],
            60.0 * (1.0 + 0.8 * d.powf(1.3)) * off(3, 0.04) * (1.0 + 0.008 * (25.0 - at_c)),
        ],
        ComponentClass::CoolantPump => vec![
            (9.0 + 0.15 * duty.speed_mps) * (1.0 + 0.35 * d * d) * off(0, 0.04),
            90.0 * flow_share(d) * off(1, 0.04),
            at_c + bias[2],
            0.5 + 0.6 * (1.7 * d * d).exp() * off(3, 0.1),
        ],
        ComponentClass::AirCompressor => vec![
            28.0 * (1.0 + 0.9 * d.powf(1.5)) * off(0, 0.06),
            5.0 + 90.0 * air_share(duty, d) * off(1, 0.05),
            at_c + 3.0 * bias[2],
        ],
    }
}

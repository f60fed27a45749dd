//! The catalog itself. Ranges and rates are engineering estimates, not measurements. Names and units of VSS signals are
//! those of the COVESA Vehicle Signal Specification 6.0. Codes P0xxx are of SAE J2012-DA, SPNs of SAE J1939-71; codes
//! C1xxx are in the range that SAE J2012 leaves to the manufacturer, and their meaning here is ours.

use super::{BayKind, ClassSpec, CodeSpec, ComponentClass, Repair, SignalSpec, Skill, Source, StuckRule, UsageUnit};

pub(super) fn spec(class: ComponentClass) -> &'static ClassSpec {
    match class {
        ComponentClass::BrakePads => &BRAKE_PADS,
        ComponentClass::Tyre => &TYRE,
        ComponentClass::WheelBearing => &WHEEL_BEARING,
        ComponentClass::TractionBattery => &TRACTION_BATTERY,
        ComponentClass::CoolantPump => &COOLANT_PUMP,
        ComponentClass::AirCompressor => &AIR_COMPRESSOR,
    }
}

/// A signal with the bounds in the order: least, greatest, greatest rate per second, noise, resolution.
const fn signal(name: &'static str, vss: bool, unit: &'static str, bounds: [f64; 5], stuck: (u32, f64)) -> SignalSpec {
    let [min, max, max_rate_per_s, noise, resolution] = bounds;
    let stuck = if stuck.0 == 0 { None } else { Some(StuckRule { readings: stuck.0, usage: stuck.1 }) };
    SignalSpec { name, vss, unit, min, max, max_rate_per_s, noise, resolution, max_rate_hz: 1.0, ttl_ms: 60_000, stuck }
}

/// The same for a quantity that changes over weeks: sampled every ten seconds, fresh for an hour.
const fn slow(name: &'static str, vss: bool, unit: &'static str, bounds: [f64; 5], stuck: (u32, f64)) -> SignalSpec {
    SignalSpec { max_rate_hz: 0.1, ttl_ms: 3_600_000, ..signal(name, vss, unit, bounds, stuck) }
}

const fn uds(ecu: &'static str, code: &'static str, failure_type: u8, hard: bool, meaning: &'static str) -> CodeSpec {
    CodeSpec { source: Source::Uds, ecu, code, failure_type: Some(failure_type), meaning, hard_safety: hard }
}

static BRAKE_PADS: ClassSpec = ClassSpec {
    class: ComponentClass::BrakePads,
    unit: UsageUnit::Km,
    signals: &[
        // VSS has it as uint8: a step of one percent, so that only much wear without a step is implausible.
        slow(
            "Vehicle.Chassis.Axle.*.Wheel.*.Brake.PadWear",
            true,
            "percent",
            [0.0, 100.0, 4.0, 8.0, 1.0],
            (20, 2_500.0),
        ),
        signal(
            "Vehicle.AtlasMesh.Chassis.Axle.*.Wheel.*.Brake.DiscTemperature",
            false,
            "Celsius",
            [-40.0, 900.0, 60.0, 16.0, 0.5],
            (30, 5.0),
        ),
        signal(
            "Vehicle.AtlasMesh.Chassis.Axle.*.Wheel.*.Brake.ActuatorStroke",
            false,
            "mm",
            [0.0, 80.0, 4.0, 8.0, 0.1],
            (30, 50.0),
        ),
        signal(
            "Vehicle.AtlasMesh.Chassis.Axle.*.Wheel.*.Brake.PressurePerDeceleration",
            false,
            "kPa/(m/s^2)",
            [20.0, 500.0, 30.0, 40.0, 1.0],
            (30, 50.0),
        ),
    ],
    life: 25_000.0,
    rul_cap: 12_000.0,
    advise: 3_000.0,
    plan: 1_500.0,
    ground: 300.0,
    repair: Repair {
        duration_min: 90,
        skill: Skill::Mechanic,
        bay: BayKind::Lift,
        parts: &["brake-pad-set", "wear-indicator", "guide-pin-kit"],
        checklist: &[
            "Disc thickness and run-out are within the limits.",
            "Caliper guide pins move freely.",
            "The new wear indicator reads less than 5 percent.",
            "The pads are bedded in and the brake test is passed.",
        ],
    },
    codes: &[
        uds("EBS", "C1A10", 0x92, false, "Brake pads are near their wear limit."),
        uds("EBS", "C1A11", 0x92, true, "Brake pads are at their wear limit or brake force is too low."),
    ],
    safety_critical: true,
};

static TYRE: ClassSpec = ClassSpec {
    class: ComponentClass::Tyre,
    unit: UsageUnit::Km,
    signals: &[
        // VSS has it as uint16 without a maximum.
        signal(
            "Vehicle.Chassis.Axle.*.Wheel.*.Tire.Pressure",
            true,
            "kPa",
            [0.0, 1_400.0, 100.0, 24.0, 1.0],
            (30, 5.0),
        ),
        signal(
            "Vehicle.Chassis.Axle.*.Wheel.*.Tire.AirTemperature",
            true,
            "Celsius",
            [-40.0, 150.0, 2.0, 8.0, 0.5],
            (30, 20.0),
        ),
        slow(
            "Vehicle.AtlasMesh.Chassis.Axle.*.Wheel.*.Tire.TreadDepth",
            false,
            "mm",
            [0.0, 20.0, 0.8, 2.4, 0.1],
            (20, 6_000.0),
        ),
        signal(
            "Vehicle.AtlasMesh.Chassis.Axle.*.Wheel.*.Tire.RadialVibration",
            false,
            "m/s^2",
            [0.0, 50.0, 10.0, 1.2, 0.01],
            (30, 1.0),
        ),
    ],
    life: 60_000.0,
    rul_cap: 30_000.0,
    advise: 6_000.0,
    plan: 3_000.0,
    ground: 300.0,
    repair: Repair {
        duration_min: 45,
        skill: Skill::TyreFitter,
        bay: BayKind::TyreBay,
        parts: &["tyre", "valve"],
        checklist: &[
            "The valve and the bead hold pressure.",
            "Wheel nuts are tightened to their torque.",
            "The pressure sensor belongs to the right wheel.",
            "Wheel nuts are checked again after 50 km.",
        ],
    },
    codes: &[
        uds("TPMS", "C1A20", 0x92, false, "The tyre loses pressure or has little tread."),
        uds("TPMS", "C1A21", 0x92, true, "The tyre has no safe pressure or tread."),
    ],
    safety_critical: true,
};

static WHEEL_BEARING: ClassSpec = ClassSpec {
    class: ComponentClass::WheelBearing,
    unit: UsageUnit::Km,
    signals: &[
        // Root mean square of 10 to 1,000 Hz, as ISO 20816 has it.
        signal(
            "Vehicle.AtlasMesh.Chassis.Axle.*.Wheel.*.Bearing.VibrationVelocity",
            false,
            "mm/s",
            [0.0, 70.0, 10.0, 1.6, 0.01],
            (30, 1.0),
        ),
        signal(
            "Vehicle.AtlasMesh.Chassis.Axle.*.Wheel.*.Bearing.Temperature",
            false,
            "Celsius",
            [-40.0, 200.0, 4.0, 8.0, 0.5],
            (30, 20.0),
        ),
        // The fourth standardised moment of the acceleration: 3 for a sound bearing.
        signal(
            "Vehicle.AtlasMesh.Chassis.Axle.*.Wheel.*.Bearing.Kurtosis",
            false,
            "ratio",
            [1.0, 60.0, 5.0, 4.0, 0.01],
            (30, 1.0),
        ),
    ],
    life: 200_000.0,
    rul_cap: 60_000.0,
    advise: 12_000.0,
    plan: 5_000.0,
    ground: 500.0,
    repair: Repair {
        duration_min: 180,
        skill: Skill::Mechanic,
        bay: BayKind::Lift,
        parts: &["hub-unit", "axle-nut", "hub-seal"],
        checklist: &[
            "The axle nut is new and tightened to its torque.",
            "The wheel turns without play or noise.",
            "The wheel speed sensor gives a clean signal.",
            "Bearing temperature after a 10 km drive is normal.",
        ],
    },
    codes: &[
        uds("EBS", "C1A30", 0x92, false, "The wheel bearing vibrates."),
        uds("EBS", "C1A31", 0x98, true, "The wheel bearing is too hot or has play."),
    ],
    safety_critical: true,
};

static TRACTION_BATTERY: ClassSpec = ClassSpec {
    class: ComponentClass::TractionBattery,
    unit: UsageUnit::Cycles,
    signals: &[
        slow(
            "Vehicle.Powertrain.TractionBattery.StateOfHealth",
            true,
            "percent",
            [0.0, 100.0, 2.0, 2.4, 0.1],
            (20, 150.0),
        ),
        signal(
            "Vehicle.Powertrain.TractionBattery.Temperature.Max",
            true,
            "Celsius",
            [-40.0, 90.0, 2.0, 4.0, 0.1],
            (60, 0.1),
        ),
        signal(
            "Vehicle.Powertrain.TractionBattery.CellVoltage.Min",
            true,
            "V",
            [1.5, 4.5, 1.0, 0.08, 0.001],
            (30, 0.01),
        ),
        slow(
            "Vehicle.AtlasMesh.Powertrain.TractionBattery.InternalResistance",
            false,
            "mOhm",
            [5.0, 500.0, 10.0, 12.0, 0.1],
            (20, 5.0),
        ),
    ],
    life: 3_000.0,
    rul_cap: 1_500.0,
    advise: 300.0,
    plan: 150.0,
    ground: 5.0,
    repair: Repair {
        duration_min: 480,
        skill: Skill::HighVoltageTechnician,
        bay: BayKind::HighVoltageBay,
        parts: &["battery-module", "coolant", "gasket-kit"],
        checklist: &[
            "The absence of voltage is verified and locked.",
            "The isolation resistance is above 500 ohm per volt.",
            "The cooling circuit is tight and vented.",
            "The modules are balanced and the state of health is learnt again.",
        ],
    },
    codes: &[
        uds("BMS", "P0A7F", 0x00, false, "The battery pack has deteriorated."),
        uds("BMS", "P0AA6", 0x00, true, "The high-voltage system lost its isolation."),
    ],
    safety_critical: true,
};

static COOLANT_PUMP: ClassSpec = ClassSpec {
    class: ComponentClass::CoolantPump,
    unit: UsageUnit::Hours,
    signals: &[
        signal(
            "Vehicle.AtlasMesh.Powertrain.CoolantPump.Current",
            false,
            "A",
            [0.0, 40.0, 20.0, 2.4, 0.05],
            (30, 0.01),
        ),
        signal(
            "Vehicle.AtlasMesh.Powertrain.CoolantPump.FlowRate",
            false,
            "l/min",
            [0.0, 150.0, 60.0, 12.0, 0.1],
            (30, 0.01),
        ),
        // Below ElectricMotor.CoolantTemperature before VSS 5.0.
        signal(
            "Vehicle.Powertrain.ElectricMotor.EngineCoolant.Temperature",
            true,
            "Celsius",
            [-40.0, 140.0, 4.0, 6.0, 0.1],
            (60, 0.05),
        ),
        signal(
            "Vehicle.AtlasMesh.Powertrain.CoolantPump.VibrationVelocity",
            false,
            "mm/s",
            [0.0, 30.0, 10.0, 1.2, 0.01],
            (30, 0.01),
        ),
    ],
    life: 15_000.0,
    rul_cap: 6_000.0,
    advise: 800.0,
    plan: 300.0,
    ground: 16.0,
    repair: Repair {
        duration_min: 120,
        skill: Skill::Mechanic,
        bay: BayKind::Pit,
        parts: &["coolant-pump", "hose-clamp-kit", "coolant"],
        checklist: &[
            "The circuit is vented and holds pressure.",
            "Flow at full speed is above 70 litres per minute.",
            "The concentration of the coolant is right.",
        ],
    },
    codes: &[
        uds("TMS", "P0C73", 0x92, false, "Motor electronics coolant pump A does not do what it is told."),
        uds("TMS", "P0A93", 0x00, false, "The inverter is not cooled enough: power is limited."),
    ],
    safety_critical: false,
};

static AIR_COMPRESSOR: ClassSpec = ClassSpec {
    class: ComponentClass::AirCompressor,
    unit: UsageUnit::Hours,
    signals: &[
        // From 650 to 850 kPa with the vehicle at rest or not, as the air processing unit measures it.
        signal(
            "Vehicle.AtlasMesh.Chassis.Brake.AirCompressor.BuildUpTime",
            false,
            "s",
            [2.0, 200.0, 10.0, 8.0, 0.1],
            (30, 0.01),
        ),
        signal(
            "Vehicle.AtlasMesh.Chassis.Brake.AirCompressor.DutyShare",
            false,
            "percent",
            [0.0, 100.0, 10.0, 8.0, 0.1],
            (30, 0.01),
        ),
        signal(
            "Vehicle.AtlasMesh.Chassis.Brake.AirCompressor.OutletTemperature",
            false,
            "Celsius",
            [-40.0, 300.0, 10.0, 12.0, 0.5],
            (60, 0.05),
        ),
    ],
    life: 12_000.0,
    rul_cap: 5_000.0,
    advise: 600.0,
    plan: 250.0,
    ground: 16.0,
    repair: Repair {
        duration_min: 150,
        skill: Skill::Mechanic,
        bay: BayKind::Pit,
        parts: &["air-compressor", "air-dryer-cartridge", "gasket-kit"],
        checklist: &[
            "Both service circuits are without pressure before work.",
            "Build-up from 650 to 850 kPa takes less than 40 seconds.",
            "No circuit loses more than 20 kPa in ten minutes.",
            "The brake test is passed.",
        ],
    },
    codes: &[
        CodeSpec {
            source: Source::J1939,
            ecu: "APU",
            code: "1087/17",
            failure_type: None,
            meaning: "Service brake air circuit 1 is low, least severe level.",
            hard_safety: false,
        },
        CodeSpec {
            source: Source::J1939,
            ecu: "APU",
            code: "1087/1",
            failure_type: None,
            meaning: "Service brake air circuit 1 is low, most severe level.",
            hard_safety: true,
        },
    ],
    safety_critical: true,
};

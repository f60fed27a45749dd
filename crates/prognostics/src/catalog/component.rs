//! The components that a vehicle has when nobody said otherwise.

use serde::{Deserialize, Serialize};

use super::{ComponentClass, SignalSpec};

/// A kind of vehicle with its own default register of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VehicleKind {
    /// Two axles, air brakes.
    Truck,
    /// Two axles, hydraulic brakes: the truck's register without the air compressor.
    Shuttle,
}

/// One component of a vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Component {
    /// Unique within the vehicle, such as `brake-front-left`.
    pub id: &'static str,
    pub class: ComponentClass,
    /// The VSS instances of axle row and wheel side that fill the `*` of its signals, such as `Row1` and `Left`.
    pub place: Option<(&'static str, &'static str)>,
}

impl Component {
    /// The full path of a signal of this component.
    pub fn path(&self, signal: &SignalSpec) -> String {
        match self.place {
            Some((row, side)) => signal.name.replacen('*', row, 1).replacen('*', side, 1),
            None => signal.name.to_owned(),
        }
    }
}

const fn wheel(id: &'static str, class: ComponentClass, row: &'static str, side: &'static str) -> Component {
    Component { id, class, place: Some((row, side)) }
}

const fn single(id: &'static str, class: ComponentClass) -> Component {
    Component { id, class, place: None }
}

// The air compressor is last, so that a vehicle without one is a shorter slice.
static TRUCK: [Component; 15] = [
    wheel("brake-front-left", ComponentClass::BrakePads, "Row1", "Left"),
    wheel("brake-front-right", ComponentClass::BrakePads, "Row1", "Right"),
    wheel("brake-rear-left", ComponentClass::BrakePads, "Row2", "Left"),
    wheel("brake-rear-right", ComponentClass::BrakePads, "Row2", "Right"),
    wheel("tyre-front-left", ComponentClass::Tyre, "Row1", "Left"),
    wheel("tyre-front-right", ComponentClass::Tyre, "Row1", "Right"),
    wheel("tyre-rear-left", ComponentClass::Tyre, "Row2", "Left"),
    wheel("tyre-rear-right", ComponentClass::Tyre, "Row2", "Right"),
    wheel("wheel-bearing-front-left", ComponentClass::WheelBearing, "Row1", "Left"),
    wheel("wheel-bearing-front-right", ComponentClass::WheelBearing, "Row1", "Right"),
    wheel("wheel-bearing-rear-left", ComponentClass::WheelBearing, "Row2", "Left"),
    wheel("wheel-bearing-rear-right", ComponentClass::WheelBearing, "Row2", "Right"),
    single("traction-battery", ComponentClass::TractionBattery),
    single("coolant-pump", ComponentClass::CoolantPump),
    single("air-compressor", ComponentClass::AirCompressor),
];

/// The default register of a kind of vehicle.
pub fn components_of_vehicle(kind: VehicleKind) -> &'static [Component] {
    match kind {
        VehicleKind::Truck => &TRUCK,
        VehicleKind::Shuttle => &TRUCK[..TRUCK.len() - 1],
    }
}

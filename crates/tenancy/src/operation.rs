//! The one table of what each role may do.

use std::fmt;

use kernel::Role;

/// What can be done over the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Make and list tenants; the platform's administrator alone.
    ManageTenants,
    /// Make, list and revoke principals.
    ManagePrincipals,
    /// Import a map.
    ImportSite,
    /// Close roads, draw zones, and lift both.
    RestrictSite,
    /// Register a vehicle.
    RegisterVehicle,
    /// Place and release holds.
    HoldVehicle,
    /// Stop a vehicle.
    StopVehicle,
    /// Clear a stop.
    ClearStop,
    /// Ask for a trip.
    RequestTrip,
    /// Cancel a trip.
    CancelTrip,
    /// Let a standing vehicle go on.
    ResumeTrip,
    /// Take and answer a vehicle's request for assistance.
    Assist,
    /// Read sites, vehicles and trips.
    ReadFleet,
    /// Read and verify the journal.
    ReadJournal,
}

impl Operation {
    /// Whether a role may do it. Stopping is open to everybody who works with vehicles.
    pub fn permits(self, role: Role) -> bool {
        use Operation as O;
        match role {
            Role::Administrator => true,
            Role::Dispatcher => matches!(
                self,
                O::RequestTrip
                    | O::CancelTrip
                    | O::ResumeTrip
                    | O::Assist
                    | O::StopVehicle
                    | O::ClearStop
                    | O::HoldVehicle
                    | O::RestrictSite
                    | O::ReadFleet
                    | O::ReadJournal
            ),
            Role::SafetyOfficer => matches!(
                self,
                O::CancelTrip
                    | O::Assist
                    | O::StopVehicle
                    | O::ClearStop
                    | O::HoldVehicle
                    | O::RestrictSite
                    | O::ReadFleet
                    | O::ReadJournal
            ),
            Role::Technician => {
                matches!(self, O::RegisterVehicle | O::HoldVehicle | O::StopVehicle | O::ReadFleet)
            }
            Role::Auditor => self == O::ReadJournal,
            Role::Viewer => self == O::ReadFleet,
        }
    }

    /// Every operation.
    pub const ALL: [Operation; 14] = [
        Operation::ManageTenants,
        Operation::ManagePrincipals,
        Operation::ImportSite,
        Operation::RestrictSite,
        Operation::RegisterVehicle,
        Operation::HoldVehicle,
        Operation::StopVehicle,
        Operation::ClearStop,
        Operation::RequestTrip,
        Operation::CancelTrip,
        Operation::ResumeTrip,
        Operation::Assist,
        Operation::ReadFleet,
        Operation::ReadJournal,
    ];
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::ManageTenants => "manage tenants",
            Operation::ManagePrincipals => "manage principals",
            Operation::ImportSite => "import a map",
            Operation::RestrictSite => "close roads or draw zones",
            Operation::RegisterVehicle => "register vehicles",
            Operation::HoldVehicle => "hold vehicles",
            Operation::StopVehicle => "stop vehicles",
            Operation::ClearStop => "clear stops",
            Operation::RequestTrip => "ask for trips",
            Operation::CancelTrip => "cancel trips",
            Operation::ResumeTrip => "let vehicles go on",
            Operation::Assist => "answer requests for assistance",
            Operation::ReadFleet => "read sites, vehicles and trips",
            Operation::ReadJournal => "read the journal",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_somebody_and_readers_change_nothing() {
        let who = |operation: Operation| Role::ALL.into_iter().filter(move |&role| operation.permits(role)).count();
        for operation in Operation::ALL {
            assert!(who(operation) >= 1, "{operation}");
        }
        for operation in
            Operation::ALL.into_iter().filter(|op| !matches!(op, Operation::ReadFleet | Operation::ReadJournal))
        {
            assert!(!operation.permits(Role::Auditor) && !operation.permits(Role::Viewer), "{operation}");
        }
        assert!(!Operation::ReadFleet.permits(Role::Auditor), "an auditor reads the journal and nothing else");
        assert_eq!((who(Operation::ManageTenants), who(Operation::ManagePrincipals)), (1, 1));
    }
}

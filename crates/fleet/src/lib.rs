//! Vehicles and sites: registry, status, holds, claims; map versions, zones, closures.

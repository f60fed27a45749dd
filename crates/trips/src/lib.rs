//! Trips and dispatch: the life of a trip, assignment in batches, compliance.

//! Dispatch: which vehicle takes which trip (TRIP-6). Trips that wait together are decided together: [`pairs`] says
//! which pairs are possible and what each costs, [`assignment`] finds the best of all assignments; [`batch`] gathers,
//! asks policy about each chosen pair, takes the claim and gives the trip its vehicle. Trips take turns, and vehicles
//! are looked at by fitness and nearness, so that what cannot be served hides nothing that can.

pub mod assignment;
pub mod batch;
mod choice;
pub mod claims;
mod denials;
mod nearest;
mod news;
mod outcome;
pub mod pairs;
mod turns;
mod waiting;

pub use batch::{BATCH_WINDOW_MS, BatchReport};

//! The vehicle's two slots and the machine that updates them. One image is installed into the slot that does not run,
//! tried, and committed or given up; whatever is cut when, a verified slot boots. All state is files of one folder behind
//! the [`Disk`] port: the journal (how far the update is), the boot selection (what the boot loader reads), the download
//! and the slots themselves.

mod boot;
mod disk;
mod download;
mod error;
mod frame;
mod image;
mod install;
mod journal;
mod machine;
mod selection;
mod table;

pub use boot::Booted;
pub use disk::{Disk, FolderDisk};
pub use error::{Check, SlotError};
pub use image::{Image, Slot, Update};
pub use machine::{Machine, Stage};
pub use table::{Mark, Place, Tail, Verdict, verdict};

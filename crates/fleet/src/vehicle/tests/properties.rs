//! Whatever is asked of a vehicle, in whatever order: what must hold of it always.

use kernel::Decided;
use kernel::testing::fold;
use proptest::prelude::*;

use super::super::decide::{
    HOLDS_MAX, clear_stop, come_online, go_offline, observe, order_stop, place_hold, register, release_claim,
    release_hold, take_claim,
};
use super::super::{Status, Vehicle};
use super::*;

/// Something that is asked of a vehicle. Ids come from a few, so that commands meet.
#[derive(Debug, Clone)]
enum Command {
    Register { allowed: bool },
    ComeOnline { boot: u128, mode: Mode, capabilities: BTreeSet<String> },
    GoOffline,
    Observe { mode: Mode, battery_pct: f64 },
    PlaceHold { hold: u128, kind: HoldKind, timing: HoldTiming },
    ReleaseHold { hold: u128, owner: bool, allowed: bool },
    TakeClaim { trip: u128 },
    ReleaseClaim { trip: u128, epoch: Option<u64> },
    OrderStop { stop: u128, class: StopClass, from_memory: bool },
    ClearStop { stop: u128, allowed: bool },
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![4 => Just(Mode::Autonomous), 1 => prop::sample::select(Mode::ALL)]
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    use HoldKind as K;
    let kind = prop::sample::select(vec![K::Grounded, K::Lockout, K::Update, K::Quarantine]);
    let timing = prop::sample::select(vec![HoldTiming::AfterTrip, HoldTiming::NextAdmissible, HoldTiming::Now]);
    let class = prop::sample::select(vec![StopClass::Now, StopClass::NearestAdmissible, StopClass::AtPlace]);
    let command = prop_oneof![
        1 => any::<bool>().prop_map(|allowed| Command::Register { allowed }),
        4 => (0u128..3, mode(), prop::sample::select(vec![words(&[]), words(&["haul"])]))
            .prop_map(|(boot, mode, capabilities)| Command::ComeOnline { boot, mode, capabilities }),
        1 => Just(Command::GoOffline),
        4 => (mode(), 0.0..=100.0).prop_map(|(mode, battery_pct)| Command::Observe { mode, battery_pct }),
        1 => (0u128..40, kind, timing).prop_map(|(hold, kind, timing)| Command::PlaceHold { hold, kind, timing }),
        4 => (0u128..40, prop::bool::weighted(0.8), prop::bool::weighted(0.8))
            .prop_map(|(hold, owner, allowed)| Command::ReleaseHold { hold, owner, allowed }),
        6 => (0u128..3).prop_map(|trip| Command::TakeClaim { trip }),
        3 => (0u128..3, prop::option::of(0u64..9)).prop_map(|(trip, epoch)| Command::ReleaseClaim { trip, epoch }),
        1 => (0u128..40, class, any::<bool>())
            .prop_map(|(stop, class, from_memory)| Command::OrderStop { stop, class, from_memory }),
        4 => (0u128..40, prop::bool::weighted(0.8)).prop_map(|(stop, allowed)| Command::ClearStop { stop, allowed }),
    ];
    prop::collection::vec(command, 0..80)
}

fn asked(is_allowed: bool) -> PolicyAnswer {
    if is_allowed { allowed() } else { denied() }
}

/// The events of a command and whether it was accepted; what is answered differs by command.
fn decide(state: Option<&Vehicle>, command: &Command) -> (Vec<VehicleEvent>, bool) {
    fn plain<R>(decided: Decided<VehicleEvent, R>) -> (Vec<VehicleEvent>, bool) {
        (decided.events, decided.reply.is_ok())
    }
    let id = vehicle();
    match command.clone() {
        Command::Register { allowed } => plain(register(state, &asked(allowed), site(), profile(), brakes("1"))),
        Command::ComeOnline { boot: n, mode, capabilities } => {
            plain(come_online(state, id, boot(n), capabilities, Vec::new(), mode))
        }
        Command::GoOffline => plain(go_offline(state, kernel::testing::START)),
        Command::Observe { mode, battery_pct } => plain(observe(state, id, boot(1), mode, battery_pct)),
        Command::PlaceHold { hold: n, kind, timing } => {
            plain(place_hold(state, id, hold(n), kind, timing, OWNER, "why"))
        }
        Command::ReleaseHold { hold: n, owner, allowed } => {
            let by = actor(if owner { OWNER } else { "prin_other" });
            plain(release_hold(state, id, hold(n), &by, &asked(allowed), "why"))
        }
        Command::TakeClaim { trip: n } => plain(take_claim(state, id, trip(n), VALID_FOR_S)),
        Command::ReleaseClaim { trip: n, epoch } => plain(release_claim(state, trip(n), epoch)),
        Command::OrderStop { stop, class, from_memory } => {
            plain(order_stop(state, id, order(stop, class, from_memory)))
        }
        Command::ClearStop { stop: n, allowed } => {
            plain(clear_stop(state, id, stop(n), &actor(OWNER), &asked(allowed)))
        }
    }
}

fn holds_always(vehicle: &Vehicle) {
    let ready = vehicle.is_ready();
    assert!(!ready || vehicle.holds.is_empty(), "held and READY");
    assert!(!ready || vehicle.stops.is_empty(), "stopped and READY");
    assert!(!ready || vehicle.claim.is_none(), "claimed and READY");
    assert!(!ready || (vehicle.status, vehicle.mode) == (Status::Online, Mode::Autonomous));
    assert!(vehicle.holds.len() <= HOLDS_MAX);
    let distinct = |ids: Vec<String>| ids.len() == ids.iter().collect::<BTreeSet<_>>().len();
    assert!(distinct(vehicle.holds.iter().map(|hold| hold.id.to_string()).collect()));
    assert!(distinct(vehicle.stops.iter().map(|stop| stop.id.to_string()).collect()));
    if let Some(claim) = vehicle.claim {
        assert!(claim.epoch <= vehicle.claim_epoch);
        assert_eq!(vehicle.last_claim, Some(claim));
    }
}

/// What may become of a vehicle by one command.
fn may_follow(before: &Vehicle, events: &[VehicleEvent], after: &Vehicle) {
    assert!(after.claim_epoch >= before.claim_epoch, "the epoch went back");
    let locks = |vehicle: &Vehicle| vehicle.holds.iter().filter(|hold| hold.kind == HoldKind::Lockout).count();
    assert!(locks(after) >= locks(before), "a lockout was released from afar");
    for event in events {
        match event {
            VehicleEvent::ClaimTaken(taken) => {
                assert!(before.is_ready(), "claimed without being READY");
                assert!(taken.claim_epoch > before.claim_epoch, "an epoch was given twice");
            }
            VehicleEvent::ClaimReleased(released) => assert!(released.claim_epoch > before.claim_epoch),
            VehicleEvent::HoldPlaced(placed) => {
                let at_once = placed.timing != HoldTiming::AfterTrip;
                assert_eq!(after.claim_epoch > before.claim_epoch, at_once, "{placed:?}");
            }
            _ => assert_eq!(after.claim_epoch, before.claim_epoch, "{event:?}"),
        }
    }
    let let_go = events.iter().any(|event| matches!(event, VehicleEvent::ClaimReleased(_)));
    assert!(before.claim.is_none() || let_go || after.claim == before.claim, "a claim was lost or replaced");
    let freed = events.iter().any(|event| matches!(event, VehicleEvent::StopCleared(_)));
    assert!(freed || after.stops.len() >= before.stops.len(), "a stop ended without its clearance");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_that_is_asked_breaks_what_must_hold(known in any::<bool>(), commands in commands()) {
        let mut history = if known { vec![registered(), online()] } else { Vec::new() };
        let mut state: Option<Vehicle> = fold(&history);
        for command in &commands {
            let (events, accepted) = decide(state.as_ref(), command);
            prop_assert!(accepted || events.is_empty(), "refused, and yet {events:?}");
            prop_assert_eq!(&events, &decide(state.as_ref(), command).0, "the same gives the same");
            history.extend(events.iter().cloned());
            let after = fold::<Vehicle>(&history);
            if let Some(vehicle) = &after {
                holds_always(vehicle);
            }
            if let (Some(before), Some(after)) = (&state, &after) {
                may_follow(before, &events, after);
            }
            prop_assert_eq!(decide(after.as_ref(), command).0, Vec::new(), "asked again, {:?} changes more", command);
            state = after;
        }
    }
}

//! One vehicle's session: who it is, where it stands, then messages both ways until one end is gone. Everything that a
//! vehicle says is durable before it is acknowledged; everything that it is told comes from a row. A store that cannot
//! commit ends no session: what needs it waits here, in order, and stops still reach the vehicle (SAFE-2).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use identity::vehicles::Standing;
use kernel::CommandId;
use link::delivery::Delivery;
use link::v1::{self, FromVehicle, ToVehicle, to_vehicle};
use link::{CommandReport, Heartbeat, Hello, Online, TelemetryBatch, TripReport, VehicleMessage, from_vehicle};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_stream::StreamExt;
use tonic::Streaming;

use super::backend::{Known, SessionError};
use super::sessions::SessionHandle;
use crate::Gateway;

/// How long a new session may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// A session that says nothing for this many heartbeats is cut; the vehicle comes back when it can.
const SILENT_HEARTBEATS: u32 = 4;

/// How often the store is tried again while something waits for it.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Why a session ends whose vehicle lost its identity.
const NOT_IN_FORCE: &str = "the identity of this vehicle is not in force any more";

/// What may wait for the store: the edges of several trips. A vehicle that has more comes back with them later.
const WAITING_MAX: usize = 256;

/// What a vehicle says that must be in the store before it is answered.
enum Durable {
    Online(Online),
    Report(Box<TripReport>),
    Command(CommandReport),
}

/// Runs a session to its end.
pub async fn run(
    gateway: Arc<Gateway>,
    vehicle: Known,
    mut inbound: Streaming<FromVehicle>,
    handle: SessionHandle,
    mut stopping: watch::Receiver<bool>,
) {
    let number = handle.number;
    let (tenant, id) = (vehicle.tenant.clone(), vehicle.id);
    let mut session = Session {
        gateway: Arc::clone(&gateway),
        vehicle,
        handle,
        held: Vec::new(),
        sent: Vec::new(),
        waiting: VecDeque::new(),
        undelivered: false,
        unreconciled: false,
        keeps_rules: None,
        protocol_version: 0,
        samples_missed: false,
        may_see_heads: Arc::default(),
    };
    let ended = session.talk(&mut inbound, &mut stopping).await;
    gateway.sessions.close(&tenant, id, number);
    match ended {
        Ok(why) => tracing::info!(%tenant, vehicle = %id, why, "session ended"),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%tenant, vehicle = %id, %error, cause, "session ended");
        }
    }
}

struct Session {
    gateway: Arc<Gateway>,
    vehicle: Known,
    handle: SessionHandle,
    held: Vec<CommandId>,
    /// Commands that went out in this session: they are not sent again before the next one.
    sent: Vec<CommandId>,
    /// What the store could not take yet, the oldest first.
    waiting: VecDeque<Durable>,
    /// Whether the store could not tell what is to be delivered.
    undelivered: bool,
    /// Whether what holds the vehicle is to be compared with what should hold it.
    unreconciled: bool,
    /// The revision of the site's rules that the vehicle said it keeps, until somebody looked at it.
    keeps_rules: Option<u64>,
    /// The version of the protocol that the vehicle speaks.
    protocol_version: u32,
    /// Whether samples were sent that the disk could not take: they come again with the next session.
    samples_missed: bool,
    /// Whether the head of the log that the vehicle presented fits the log: then it is given newer ones.
    may_see_heads: Arc<AtomicBool>,
}

impl Session {
    async fn talk(
        &mut self,
        inbound: &mut Streaming<FromVehicle>,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<&'static str, SessionError> {
        let first = tokio::time::timeout(HELLO_TIMEOUT, inbound.next()).await.map_err(|_| SessionError::NoHello)?;
        let hello = match first {
            Some(Ok(message)) => match from_vehicle(message)? {
                VehicleMessage::Hello(hello) => hello,
                _ => return Err(SessionError::NoHello),
            },
            Some(Err(_)) | None => return Ok("the connection was lost"),
        };
        self.held = hello.held_commands.clone();
        self.keeps_rules = Some(hello.site_rules_revision);
        self.protocol_version = hello.protocol_version;
        self.send_emergency()?;
        self.compare_head(&hello);
        let welcome = self.gateway.welcome(&self.vehicle, &hello).await?;
        self.say(to_vehicle::Message::Welcome(welcome))?;
        tracing::info!(tenant = %self.vehicle.tenant, vehicle = %self.vehicle.id, boot = %hello.boot, agent = hello.agent_version, "session began");
        self.reconcile().await;
        self.deliver().await?;
        self.listen(inbound, stopping, &hello).await
    }

    async fn listen(
        &mut self,
        inbound: &mut Streaming<FromVehicle>,
        stopping: &mut watch::Receiver<bool>,
        hello: &Hello,
    ) -> Result<&'static str, SessionError> {
        let settings = self.gateway.link_settings;
        let mut renewal = tokio::time::interval(settings.claim_renewal);
        let mut retry = tokio::time::interval(RETRY_EVERY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let silence = settings.heartbeat * SILENT_HEARTBEATS;
        let mut silent_at = Instant::now() + silence;
        let (commands, replaced) = (Arc::clone(&self.handle.commands), Arc::clone(&self.handle.replaced));
        loop {
            tokio::select! {
                biased;
                () = stopped(stopping) => {
                    self.goodbye("the server is stopping");
                    return Ok("the server is stopping");
                }
                () = replaced.notified() => {
                    if matches!(self.gateway.standing_of(&self.vehicle), Standing::Refused(_)) {
                        self.goodbye(NOT_IN_FORCE);
                        return Ok(NOT_IN_FORCE);
                    }
                    self.goodbye("a newer session of this vehicle began");
                    return Ok("a newer session began");
                }
                () = commands.notified() => self.deliver().await?,
                _ = renewal.tick() => self.renew().await?,
                _ = retry.tick(), if self.must_retry() => {
                    self.settle(hello).await?;
                    if self.unreconciled {
                        self.reconcile().await;
                    }
                    self.deliver().await?;
                }
                message = tokio::time::timeout_at(silent_at, inbound.next()) => match message {
                    Err(_) => return Ok("the vehicle was silent"),
                    Ok(None | Some(Err(_))) => return Ok("the connection was lost"),
                    Ok(Some(Ok(message))) => {
                        silent_at = Instant::now() + silence;
                        if let Some(why) = self.on_message(message, hello).await? {
                            return Ok(why);
                        }
                    }
                },
            }
        }
    }

    fn say(&self, message: to_vehicle::Message) -> Result<(), SessionError> {
        let sent = self.handle.outbound.try_send(ToVehicle { message: Some(message) });
        sent.map_err(|_| SessionError::SlowVehicle)
    }

    fn goodbye(&self, reason: &str) {
        // A vehicle that does not on_message it notices that the connection is gone.
        let _ = self.say(to_vehicle::Message::Goodbye(v1::Goodbye { reason: reason.into() }));
    }

    /// Compares the log with what the vehicle saw of it, beside the session: nothing that the vehicle is told waits for it.
    fn compare_head(&self, hello: &Hello) {
        let (gateway, vehicle) = (Arc::clone(&self.gateway), self.vehicle.clone());
        let (may_see, presented) = (Arc::clone(&self.may_see_heads), hello.newest_checkpoint.clone());
        tokio::spawn(async move {
            match gateway.check_presented(&vehicle, &presented).await {
                Ok(fits) => may_see.store(fits, Ordering::Release),
                // The vehicle keeps what it has, and presents it again.
                Err(error) => {
                    tracing::warn!(tenant = %vehicle.tenant, vehicle = %vehicle.id, %error, "a head of the log is not compared");
                }
            }
        });
    }

    /// The newest published head of the log, for the vehicle to keep.
    fn head(&self) -> Vec<u8> {
        let newest =
            self.gateway.heads.newest(&self.vehicle.tenant).filter(|_| self.may_see_heads.load(Ordering::Acquire));
        newest.map(String::into_bytes).unwrap_or_default()
    }

    fn must_retry(&self) -> bool {
        self.undelivered
            || self.unreconciled
            || !self.waiting.is_empty()
            || self.handle.rules_changed.load(Ordering::Acquire)
    }

    /// Compares what holds the vehicle with what should; tried again while the store cannot answer.
    async fn reconcile(&mut self) {
        let reconciled = self.gateway.reconcile_held(&self.vehicle, &self.held).await;
        self.unreconciled = reconciled.is_err();
        if let Err(fault) = reconciled {
            let Known { tenant, id, .. } = &self.vehicle;
            tracing::warn!(%tenant, vehicle = %id, error = %fault, "what holds the vehicle is not compared yet");
        }
    }

    /// Sends what left from memory because the store could not commit (SAFE-2). Nothing here waits for the store.
    fn send_emergency(&mut self) -> Result<(), SessionError> {
        for order in self.gateway.emergency.of_vehicle(&self.vehicle.tenant, self.vehicle.id) {
            if self.sent.contains(&order.command) || self.held.contains(&order.command) {
                continue;
            }
            self.handle.outbound.try_send(order.message()).map_err(|_| SessionError::SlowVehicle)?;
            self.sent.push(order.command);
        }
        Ok(())
    }

    /// Sends what waits for the vehicle.
    async fn deliver(&mut self) -> Result<(), SessionError> {
        self.send_emergency()?;
        let Known { tenant, id, .. } = &self.vehicle;
        let now = self.gateway.source.now();
        // The whole of a site is read for it: only where it changed, not for each command.
        if self.handle.rules_changed.swap(false, Ordering::AcqRel) {
            match self.gateway.offer_rules(&self.vehicle, self.keeps_rules, self.protocol_version).await {
                Ok(()) => self.keeps_rules = None,
                // Stops are delivered all the same.
                Err(fault) => {
                    self.handle.rules_changed.store(true, Ordering::Release);
                    tracing::warn!(%tenant, vehicle = %id, error = %fault, "zones and closures wait for the store")
                }
            }
        }
        let found =
            commands::to_deliver(&*self.gateway.store, &self.gateway.commands, tenant, *id, &self.held, now).await;
        self.undelivered = found.is_err();
        let found = found.unwrap_or_else(|fault| {
            tracing::warn!(%tenant, vehicle = %id, error = %fault, "commands wait for the store");
            Vec::new()
        });
        let is_quarantined = self.gateway.standing_of(&self.vehicle) == Standing::Quarantined;
        for command in found {
            if self.sent.contains(&command.id) || is_quarantined && !command.is_restrictive() {
                continue;
            }
            let _sending = command.span(tenant, *id).entered();
            self.handle.outbound.try_send(command.message).map_err(|_| SessionError::SlowVehicle)?;
            self.sent.push(command.id);
            tracing::info!("command sent");
        }
        Ok(())
    }

    async fn renew(&self) -> Result<(), SessionError> {
        match self.gateway.renew_claim(&self.vehicle).await? {
            Some(claim) => self.say(to_vehicle::Message::ClaimRenewal(claim)),
            None => Ok(()),
        }
    }

    /// Takes one message; answers why the session ends, if it does. What is wrong with a message is logged by field and
    /// answered by nothing: the vehicle keeps what is not acknowledged, and a message that can never be read must not end
    /// the session's other work.
    async fn on_message(&mut self, message: FromVehicle, hello: &Hello) -> Result<Option<&'static str>, SessionError> {
        let standing = self.gateway.standing_of(&self.vehicle);
        if let Standing::Refused(_) = standing {
            self.goodbye(NOT_IN_FORCE);
            return Ok(Some(NOT_IN_FORCE));
        }
        let message = match from_vehicle(message) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(tenant = %self.vehicle.tenant, vehicle = %self.vehicle.id, %error, "a message was refused");
                metrics::counter!("atlasmesh_link_refused_total").increment(1);
                return Ok(None);
            }
        };
        if standing == Standing::Quarantined && !is_heard_in_quarantine(&message) {
            tracing::info!(tenant = %self.vehicle.tenant, vehicle = %self.vehicle.id, "what a vehicle in quarantine says is not taken");
            return Ok(None);
        }
        let durable = match message {
            VehicleMessage::Hello(_) => return Err(SessionError::NoHello),
            VehicleMessage::Heartbeat(heartbeat) => return self.heartbeat(heartbeat).await.map(|()| None),
            VehicleMessage::Telemetry(batch) => return self.telemetry(batch).await,
            VehicleMessage::Reserved(reserved) => {
                tracing::debug!(vehicle = %self.vehicle.id, message = reserved.name, "a message of a later version was passed over");
                return Ok(None);
            }
            VehicleMessage::Online(online) => Durable::Online(online),
            VehicleMessage::TripReport(report) => Durable::Report(report),
            VehicleMessage::CommandState(report) => {
                note_held(&mut self.held, &report.command, report.state);
                // It may be a clearance, which is needed again as long as the vehicle holds what it was to end.
                self.unreconciled |= matches!(report.state, Delivery::Rejected | Delivery::Expired);
                Durable::Command(report)
            }
        };
        if self.waiting.len() >= WAITING_MAX {
            return Ok(Some("the store cannot take what the vehicle says"));
        }
        self.waiting.push_back(durable);
        self.settle(hello).await?;
        Ok(None)
    }

    async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<(), SessionError> {
        let counter = heartbeat.counter;
        self.gateway.acknowledged(&self.vehicle, heartbeat.trust_bundle_sequence);
        if heartbeat.parked {
            let Known { tenant, id, .. } = &self.vehicle;
            if let Err(error) = self.gateway.identities.note_parked(tenant, *id).await {
                // It stands, and says so again.
                self.waits_for_store("a standstill in quarantine", error.into())?;
            }
        }
        if let Err(error) = self.gateway.heartbeat(&self.vehicle, heartbeat).await {
            // It is answered all the same: the vehicle is heard and learns the time, only nobody can write it down.
            self.waits_for_store("a heartbeat", error)?;
        }
        let server_time_us = self.gateway.source.now().as_us();
        self.say(to_vehicle::Message::HeartbeatAck(v1::HeartbeatAck {
            trust_bundle_sequence: self.gateway.bundle_sequence(),
            server_time_us,
            counter,
            checkpoint: self.head(),
        }))
    }

    async fn telemetry(&mut self, batch: TelemetryBatch) -> Result<Option<&'static str>, SessionError> {
        let boot = batch.boot;
        let through_seq = match self.gateway.telemetry(&self.vehicle, batch).await {
            Ok(through_seq) => through_seq,
            Err(error) => {
                self.samples_missed = true;
                return self.waits_for_store("telemetry", error).map(|()| None);
            }
        };
        self.say(to_vehicle::Message::TelemetryAck(v1::TelemetryAck { boot_id: boot.to_string(), through_seq }))?;
        Ok(self.samples_missed.then_some("samples that the disk could not take must come again"))
    }

    /// Carries out what waits for the store, in order, as far as the store takes it.
    async fn settle(&mut self, hello: &Hello) -> Result<(), SessionError> {
        while let Some(next) = self.waiting.front() {
            if let Err(error) = self.carry_out(next, hello).await {
                return self.waits_for_store("what a vehicle said", error);
            }
            self.waiting.pop_front();
        }
        Ok(())
    }

    async fn carry_out(&self, durable: &Durable, hello: &Hello) -> Result<(), SessionError> {
        let (gateway, vehicle) = (&self.gateway, &self.vehicle);
        match durable {
            Durable::Online(online) => gateway.come_online(vehicle, online.clone(), hello.mode, hello.boot).await,
            Durable::Command(report) => {
                let Known { tenant, id, .. } = vehicle;
                commands::advance(&*gateway.store, tenant, *id, report.command, report.state, Some(report)).await?;
                if report.state == Delivery::Done {
                    gateway.rules_confirmed(vehicle, report.command).await?;
                }
                Ok(gateway.commands.answered(&*gateway.store, &vehicle.ctx(gateway), *id, report).await?)
            }
            Durable::Report(report) => {
                gateway.trip_report(vehicle, (**report).clone()).await?;
                let (boot_id, through_report_seq) = (report.boot.to_string(), report.seq);
                self.say(to_vehicle::Message::ReportAck(v1::ReportAck { boot_id, through_report_seq }))
            }
        }
    }

    /// A store or disk that cannot take something now is told and waited for; every other error ends the session.
    fn waits_for_store(&self, what: &str, error: SessionError) -> Result<(), SessionError> {
        match error {
            SessionError::Store(_) | SessionError::Telemetry(_) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(tenant = %self.vehicle.tenant, vehicle = %self.vehicle.id, %error, cause, "{what} waits");
                metrics::counter!("atlasmesh_link_waits_total").increment(1);
                Ok(())
            }
            other => Err(other),
        }
    }
}

/// In quarantine a vehicle is stopped and heard to stand, and nothing else is taken from it (SAFE-3).
fn is_heard_in_quarantine(message: &VehicleMessage) -> bool {
    matches!(message, VehicleMessage::Heartbeat(_) | VehicleMessage::CommandState(_) | VehicleMessage::TripReport(_))
}

/// Returns once the process is told to stop; a sender that is gone means the same.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn note_held(held: &mut Vec<CommandId>, command: &CommandId, state: Delivery) {
    if state == Delivery::Accepted && !held.contains(command) {
        held.push(*command);
    }
    if state.is_final() {
        held.retain(|other| other != command);
    }
}

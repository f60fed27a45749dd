//! One vehicle's session: who it is, where it stands, then messages both ways until one end is gone. Everything that a
//! vehicle says is durable before it is acknowledged; everything that it is told comes from a row.

use std::sync::Arc;
use std::time::Duration;

use kernel::{CommandId, TenantId, VehicleId};
use link::delivery::Delivery;
use link::v1::{self, FromVehicle, ToVehicle, to_vehicle};
use link::{Hello, VehicleMessage, from_vehicle};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_stream::StreamExt;
use tonic::Streaming;

use super::backend::{Known, SessionError};
use super::commands;
use super::sessions::SessionHandle;
use crate::Gateway;

/// How long a new session may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// A session that says nothing for this many heartbeats is cut; the vehicle comes back when it can.
const SILENT_HEARTBEATS: u32 = 4;

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
    let mut session = Session { gateway: Arc::clone(&gateway), vehicle, handle, held: Vec::new(), sent: Vec::new() };
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
        let welcome = self.gateway.welcome(&self.vehicle, &hello).await?;
        self.say(to_vehicle::Message::Welcome(welcome))?;
        tracing::info!(tenant = %self.vehicle.tenant, vehicle = %self.vehicle.id, boot = %hello.boot, agent = hello.agent_version, "session began");
        self.deliver().await?;
        let settings = self.gateway.link_settings;
        let mut renewal = tokio::time::interval(settings.claim_renewal);
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
                    self.goodbye("a newer session of this vehicle began");
                    return Ok("a newer session began");
                }
                () = commands.notified() => self.deliver().await?,
                _ = renewal.tick() => self.renew().await?,
                message = tokio::time::timeout_at(silent_at, inbound.next()) => match message {
                    Err(_) => return Ok("the vehicle was silent"),
                    Ok(None | Some(Err(_))) => return Ok("the connection was lost"),
                    Ok(Some(Ok(message))) => {
                        silent_at = Instant::now() + silence;
                        self.hear(message, &hello).await?;
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
        // A vehicle that does not hear it notices that the connection is gone.
        let _ = self.say(to_vehicle::Message::Goodbye(v1::Goodbye { reason: reason.into() }));
    }

    /// Sends what waits for the vehicle.
    async fn deliver(&mut self) -> Result<(), SessionError> {
        let Known { tenant, id, .. } = &self.vehicle;
        let now = self.gateway.source.now();
        for (command, message) in commands::to_deliver(&*self.gateway.store, tenant, *id, &self.held, now).await? {
            if self.sent.contains(&command) {
                continue;
            }
            self.handle.outbound.try_send(message).map_err(|_| SessionError::SlowVehicle)?;
            self.sent.push(command);
            tracing::info!(%tenant, vehicle = %id, %command, "command sent");
        }
        Ok(())
    }

    async fn renew(&self) -> Result<(), SessionError> {
        match self.gateway.renew_claim(&self.vehicle).await? {
            Some(claim) => self.say(to_vehicle::Message::ClaimRenewal(claim)),
            None => Ok(()),
        }
    }

    /// Takes one message. What is wrong with it is logged by field and answered by nothing: the vehicle keeps what is
    /// not acknowledged, and a message that can never be read must not end the session's other work.
    async fn hear(&mut self, message: FromVehicle, hello: &Hello) -> Result<(), SessionError> {
        let message = match from_vehicle(message) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(tenant = %self.vehicle.tenant, vehicle = %self.vehicle.id, %error, "a message was refused");
                metrics::counter!("atlasmesh_link_refused_total").increment(1);
                return Ok(());
            }
        };
        match message {
            VehicleMessage::Hello(_) => Err(SessionError::NoHello),
            VehicleMessage::Online(online) => {
                self.gateway.come_online(&self.vehicle, online, hello.mode, hello.boot).await?;
                Ok(())
            }
            VehicleMessage::Heartbeat(heartbeat) => {
                self.gateway.heartbeat(&self.vehicle, heartbeat).await?;
                let server_time_us = self.gateway.source.now().as_us();
                self.say(to_vehicle::Message::HeartbeatAck(v1::HeartbeatAck { server_time_us, ..Default::default() }))
            }
            VehicleMessage::Telemetry(batch) => {
                let boot = batch.boot;
                let through_seq = self.gateway.telemetry(&self.vehicle, batch).await?;
                self.say(to_vehicle::Message::TelemetryAck(v1::TelemetryAck { boot_id: boot.to_string(), through_seq }))
            }
            VehicleMessage::TripReport(report) => {
                let (boot, seq) = (report.boot, report.seq);
                self.gateway.trip_report(&self.vehicle, *report).await?;
                let ack = v1::ReportAck { boot_id: boot.to_string(), through_report_seq: seq };
                self.say(to_vehicle::Message::ReportAck(ack))
            }
            VehicleMessage::CommandState(report) => {
                let Known { tenant, id, .. } = &self.vehicle;
                note_held(&mut self.held, &report.command, report.state);
                commands::advance(&*self.gateway.store, tenant, *id, report.command, report.state, Some(&report))
                    .await?;
                Ok(())
            }
            VehicleMessage::Reserved(reserved) => {
                tracing::debug!(vehicle = %self.vehicle.id, message = reserved.name, "a message of a later version was passed over");
                Ok(())
            }
        }
    }
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

/// Lets the sessions of some vehicles look for commands.
pub fn ring(gateway: &Gateway, vehicles: &[(TenantId, VehicleId)]) {
    for (tenant, vehicle) in vehicles {
        gateway.sessions.ring(tenant, *vehicle);
    }
}

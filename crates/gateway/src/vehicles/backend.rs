//! What a vehicle's session asks of the domains: who it is, where it stands, and what follows from what it says.

use std::sync::Arc;
use std::time::Duration;

use identity::vehicles::{Admitted, Standing};
use kernel::envelope::{ClockSource, Known as Stated, OccurredAt};
use kernel::{Actor, Ctx, Reject, Sector, SiteId, TenantId, Timestamp, TripId, VehicleId};
use link::{Heartbeat, Hello, LinkError, Online, ReportKind, TelemetryBatch, TripReport, v1};
use pki::{PeerCertificate, SpiffeId};
use store::port::{CommitError, Fault};
use store::{CommandError, Expected, RowBody, RowWrite, TableSpec};
use telemetry::{Batch, RawSample, TelemetryError};
use tokio::time::timeout;

use crate::Gateway;

/// How long the store may take to write down that a claim is renewed.
const STORE_WAIT: Duration = Duration::from_secs(1);

/// How far each boot's reports were taken.
pub const REPORT_WATERMARKS: TableSpec = TableSpec::observations("report_watermarks", &[]);

/// A vehicle that proved who it is.
#[derive(Debug, Clone)]
pub struct Known {
    pub tenant: TenantId,
    pub id: VehicleId,
    pub site: SiteId,
    /// The tenant's sector.
    pub sector: Option<Sector>,
    pub simulated: bool,
    /// The certificate that it presented.
    pub peer: Arc<PeerCertificate>,
}

/// Why a session ends.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The first message is not the one that says who speaks.
    #[error("the session did not begin with Hello")]
    NoHello,
    #[error("the vehicle does not take what it is sent")]
    SlowVehicle,
    /// A message of the session's beginning is wrong.
    #[error("a message was refused")]
    Message(#[from] LinkError),
    /// The store cannot answer: the vehicle keeps what is not acknowledged and comes back.
    #[error("the store cannot take what the vehicle says")]
    Store(#[from] Fault),
    /// Telemetry's disk cannot take it.
    #[error("telemetry cannot take what the vehicle says")]
    Telemetry(#[from] TelemetryError),
    /// A domain refused what only a vehicle's defect can send.
    #[error("what the vehicle says was refused")]
    Refused(#[from] Reject),
    /// Another worker's lease; never a session's.
    #[error("the lease {0} is held by another")]
    Fenced(String),
}

impl From<CommandError> for SessionError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Reject(reject) => Self::Refused(reject),
            CommandError::Fault(fault) => Self::Store(fault),
            CommandError::Fenced(lease) => Self::Fenced(lease),
        }
    }
}

impl Known {
    pub(super) fn ctx(&self, gateway: &Gateway) -> Ctx {
        let mut ctx =
            Ctx::new(&*gateway.source, self.tenant.clone(), Actor::vehicle(self.id)).at_site(self.site.clone());
        if let Some(sector) = self.sector {
            ctx = ctx.in_sector(sector);
        }
        ctx.simulated = self.simulated;
        ctx
    }

    /// The context of something that happened by the vehicle's clock.
    fn ctx_at(&self, gateway: &Gateway, vehicle_time: Timestamp) -> Ctx {
        let ctx = self.ctx(gateway);
        let offset_us = Stated::unknown("the vehicle's clock is not compared yet");
        let uncertainty_us = Stated::unknown("the vehicle's clock is not compared yet");
        ctx.occurred(OccurredAt { at: vehicle_time, clock: ClockSource::Vehicle, offset_us, uncertainty_us })
    }
}

impl Gateway {
    /// The vehicle that this certificate stands for; `None` where it is not in force. Its first use ends the ones before it
    /// (ONB-7).
    pub async fn authenticate_vehicle(&self, peer: &PeerCertificate) -> Result<Option<Known>, Fault> {
        let admitted = self.identities.of_svid(peer);
        let admitted = admitted.filter(|admitted| !matches!(admitted.standing, Standing::Refused(_)));
        let Some(Admitted { tenant, vehicle: id, serial, standing }) = admitted else { return Ok(None) };
        if standing == Standing::InForce {
            match self.identities.note_used(&tenant, id, &serial).await {
                Ok(()) => {}
                // What is in force is known in memory: a store that cannot write keeps no vehicle out.
                Err(CommandError::Fault(fault)) => {
                    tracing::warn!(%tenant, vehicle = %id, error = %fault, "the first use of a certificate is not noted")
                }
                Err(_) => return Ok(None),
            }
        }
        let known = self.fleet.vehicle(&tenant, id).await?;
        // Its identity ends with it, in a step of its own.
        let in_service = known.filter(|known| known.vehicle.status != fleet::vehicle::Status::Decommissioned);
        let Some(vehicle) = in_service else { return Ok(None) };
        let Some(record) = self.tenancy.tenant(&tenant).await? else { return Ok(None) };
        let (site, sector, simulated) = (vehicle.vehicle.site, record.sector, record.simulated);
        let peer = Arc::new(peer.clone());
        Ok(Some(Known { tenant, id, site, sector, simulated, peer }))
    }

    pub(super) async fn welcome(&self, vehicle: &Known, hello: &Hello) -> Result<v1::Welcome, SessionError> {
        let Known { tenant, id, .. } = vehicle;
        let site = self.fleet.site(tenant, &vehicle.site).await?;
        let claim = self.renew(vehicle).await?;
        let mut watermarks = Vec::new();
        for &boot in std::iter::once(&hello.boot).chain(&hello.pending_boots) {
            watermarks.push(v1::Watermark {
                boot_id: boot.to_string(),
                telemetry_through_seq: self.telemetry.through(tenant, *id, boot)?,
                report_through_seq: self.reports_through(tenant, *id, boot).await?,
            });
        }
        let settings = self.link_settings;
        let known = self.fleet.vehicle(tenant, *id).await?;
        Ok(v1::Welcome {
            token: self.token_of(vehicle),
            trust_bundle_sequence: self.bundle_sequence(),
            server_time_us: self.source.now().as_us(),
            heartbeat_interval_ms: settings.heartbeat.as_millis() as u64,
            claim,
            watermarks,
            map_digest: site.map(|site| site.map.digest).unwrap_or_default(),
            site: Some(v1::SiteConfig {
                site_id: vehicle.site.to_string(),
                max_speed_mps: known.as_ref().map_or(0.0, |known| known.vehicle.profile.max_speed_mps),
                telemetry_interval_ms: settings.telemetry_interval_ms,
            }),
            claim_epoch: known.map_or(0, |known| known.vehicle.claim_epoch),
        })
    }

    /// A token of the vehicle for this product's own servers (ONB-7); none in quarantine, or where it could not be signed.
    fn token_of(&self, vehicle: &Known) -> Option<v1::Token> {
        if self.standing_of(vehicle) != Standing::InForce {
            return None;
        }
        let audience = vec![SpiffeId::domain(self.identities.keyring().trust_domain()).to_string()];
        match self.identities.issue_token(&vehicle.peer, audience) {
            Ok((token, expires_at)) => Some(v1::Token { token, expires_at_us: expires_at.as_us() }),
            Err(error) => {
                tracing::error!(tenant = %vehicle.tenant, vehicle = %vehicle.id, %error, "a token cannot be signed");
                None
            }
        }
    }

    /// The number of the trust bundle now; 0 before there is one.
    pub(super) fn bundle_sequence(&self) -> u64 {
        self.identities.keyring().signing().map_or(0, |signing| signing.bundle.sequence)
    }

    /// What the vehicle's certificate is good for now; looked up in memory with each message.
    pub(super) fn standing_of(&self, vehicle: &Known) -> Standing {
        self.identities.registry().svid(&vehicle.tenant, vehicle.id, &vehicle.peer.serial)
    }

    async fn renew(&self, vehicle: &Known) -> Result<Option<v1::Claim>, SessionError> {
        if self.standing_of(vehicle) != Standing::InForce {
            // SAFE-4: what allows driving on without a link ends.
            return Ok(None);
        }
        let now = self.source.now();
        // A store that hangs must not keep the session from its other work.
        let renewing = timeout(STORE_WAIT, self.fleet.renew_claim(&vehicle.tenant, vehicle.id, now)).await;
        let renewed = match renewing.unwrap_or(Err(Fault::Overloaded)) {
            Ok(claim) => claim.map(|claim| (claim.trip, claim.epoch, claim.valid_for_s * 1_000)),
            Err(fault) => {
                tracing::warn!(tenant = %vehicle.tenant, vehicle = %vehicle.id, error = %fault, "a claim is not renewed");
                self.standing_claim(vehicle, now).await?
            }
        };
        let claim = |(trip, claim_epoch, valid_for_ms): (TripId, u64, u64)| v1::Claim {
            trip_id: trip.to_string(),
            claim_epoch,
            valid_for_ms,
        };
        Ok(renewed.map(claim))
    }

    /// The claim as the store has it, for what is left of its validity: more must be kept before it is promised.
    async fn standing_claim(
        &self,
        vehicle: &Known,
        now: Timestamp,
    ) -> Result<Option<(TripId, u64, u64)>, SessionError> {
        let known = self.fleet.vehicle(&vehicle.tenant, vehicle.id).await?;
        let current = |vehicle: &fleet::Vehicle| vehicle.claim.filter(|claim| claim.epoch == vehicle.claim_epoch);
        let Some(claim) = known.and_then(|known| current(&known.vehicle)) else { return Ok(None) };
        let (_, valid_until) = self.fleet.claim(&vehicle.tenant, claim.trip, vehicle.id).await?;
        let left_ms = valid_until.map_or(0, |until| until.since_ms(now)).max(1);
        Ok(Some((claim.trip, claim.epoch, left_ms.unsigned_abs())))
    }

    pub(super) async fn renew_claim(&self, vehicle: &Known) -> Result<Option<v1::ClaimRenewal>, SessionError> {
        Ok(self.renew(vehicle).await?.map(|claim| v1::ClaimRenewal {
            trip_id: claim.trip_id,
            claim_epoch: claim.claim_epoch,
            valid_for_ms: claim.valid_for_ms,
            server_time_us: self.source.now().as_us(),
        }))
    }

    pub(super) async fn come_online(
        &self,
        vehicle: &Known,
        online: Online,
        mode: link::Mode,
        boot: kernel::id::BootId,
    ) -> Result<(), SessionError> {
        let components = online.components.into_iter().map(|component| fleet::vehicle::Component {
            name: component.name,
            version: component.version,
            serial: component.serial,
        });
        let ctx = vehicle.ctx(self);
        let capabilities = online.capabilities.into_iter().collect();
        Ok(self.fleet.come_online(&ctx, vehicle.id, boot, capabilities, components.collect(), fleet_mode(mode)).await?)
    }

    pub(super) async fn heartbeat(&self, vehicle: &Known, heartbeat: Heartbeat) -> Result<(), SessionError> {
        let ctx = vehicle.ctx(self);
        let seen = fleet::Seen {
            at: ctx.now,
            boot: heartbeat.boot,
            battery_pct: heartbeat.battery_pct,
            mode: fleet_mode(heartbeat.mode),
            position: heartbeat.position.map(|position| position.at),
            parked: heartbeat.parked,
            odometer_m: heartbeat.odometer_m,
            clock_ahead_ms: heartbeat.vehicle_time.since_ms(ctx.now),
            health: heartbeat.metrics.into_iter().map(health).collect(),
        };
        Ok(self.fleet.heartbeat(&ctx, vehicle.id, seen).await?)
    }

    /// Takes samples: durable first, then acknowledged, then checked against policy (TRIP-8).
    pub(super) async fn telemetry(&self, vehicle: &Known, batch: TelemetryBatch) -> Result<u64, SessionError> {
        let samples: Vec<RawSample> = batch
            .samples
            .iter()
            .map(|sample| RawSample {
                seq: sample.seq,
                vehicle_time: sample.vehicle_time,
                position: sample.position.at,
                heading: sample.position.heading,
                speed_mps: sample.speed_mps,
                battery_pct: sample.battery_pct,
                odometer_m: sample.odometer_m,
                mode: sample.mode.as_str(),
                trip: sample.trip,
                progress_m: sample.progress_m,
                flags: sample.flags,
            })
            .collect();
        let received_at = self.source.now();
        let batch =
            Batch { vehicle: vehicle.id, boot: batch.boot, samples: &samples, kept_from_seq: batch.kept_from_seq };
        let (tenant, boot) = (&vehicle.tenant, batch.boot);
        let ack = tokio::task::block_in_place(|| self.telemetry.ingest(tenant, batch, received_at))?;
        for (seq, field) in &ack.refused {
            tracing::warn!(%tenant, vehicle = %vehicle.id, seq, field = field.field, problem = field.message, "a sample was refused");
        }
        metrics::counter!("atlasmesh_samples_total").increment(ack.accepted.len() as u64);
        if let Err(error) = self.check_compliance(vehicle, boot, &ack.accepted).await {
            // The samples are durable; a violation that could not be opened opens with the next sample.
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%tenant, vehicle = %vehicle.id, %error, cause, "samples are not checked");
        }
        Ok(ack.through_seq)
    }

    /// Takes a report. A refusal is final: sending it again would be refused again, so it is acknowledged all the same.
    #[tracing::instrument(name = "trip.report", skip_all, fields(
        tenant = %vehicle.tenant, vehicle = %vehicle.id, trip = %report.trip, boot = %report.boot, seq = report.seq,
        claim_epoch = report.claim_epoch, status = tracing::field::Empty,
    ))]
    pub(super) async fn trip_report(&self, vehicle: &Known, report: TripReport) -> Result<(), SessionError> {
        let ctx = vehicle.ctx_at(self, report.vehicle_time);
        let (boot, seq) = (report.boot, report.seq);
        if let ReportKind::Completed { .. } = report.kind {
            // While the trip still is this vehicle's: afterwards its checks are nobody's.
            self.summarize(&ctx, report.trip).await?;
        }
        let shown = super::reports::snapshot(&report);
        let report = super::reports::of_link(vehicle.id, report);
        match self.trips.report_with_snapshot(&ctx, &report, shown.as_ref()).await {
            Ok(done) => {
                tracing::Span::current().record("status", done.status.as_str());
                tracing::info!(changed = done.changed, "report")
            }
            Err(CommandError::Reject(reject)) => {
                tracing::warn!(tenant = %vehicle.tenant, vehicle = %vehicle.id, seq, %reject, "a report was refused");
            }
            Err(other) => return Err(other.into()),
        }
        self.keep_reports_through(&vehicle.tenant, vehicle.id, boot, seq).await
    }

    async fn reports_through(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
        boot: kernel::id::BootId,
    ) -> Result<u64, Fault> {
        let row = self.store.get(REPORT_WATERMARKS, tenant, &format!("{vehicle}/{boot}")).await?;
        Ok(row.map(|row| row.decode()).transpose()?.unwrap_or(0))
    }

    async fn keep_reports_through(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
        boot: kernel::id::BootId,
        seq: u64,
    ) -> Result<(), SessionError> {
        if self.reports_through(tenant, vehicle, boot).await? >= seq {
            return Ok(());
        }
        let row = RowWrite::put(
            REPORT_WATERMARKS,
            format!("{vehicle}/{boot}"),
            Expected::Any,
            RowBody::new(&seq, Vec::new())?,
        );
        match self.store.write(tenant, vec![row]).await {
            Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(()),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }
}

fn health(metric: link::Metric) -> fleet::seen::HealthMetric {
    fleet::seen::HealthMetric { name: metric.name, value: metric.value, unit: metric.unit }
}

fn fleet_mode(mode: link::Mode) -> fleet::vehicle::Mode {
    use fleet::vehicle::Mode;
    match mode {
        link::Mode::Autonomous => Mode::Autonomous,
        link::Mode::Remote => Mode::Remote,
        link::Mode::Manual => Mode::Manual,
        link::Mode::Service => Mode::Service,
        link::Mode::Estop => Mode::Estop,
    }
}

//! The fold of an incident.

use kernel::id::IncidentId;
use kernel::{Aggregate, EventMeta, Subject, Timestamp};

use super::events::{IncidentEvent, IncidentOpened};
use super::{ALERTS_MAX, ARTEFACTS_MAX, Call, Contained, Escalation, Finding, Incident, Status};

impl Aggregate for Incident {
    type Id = IncidentId;
    type Event = IncidentEvent;
    const KIND: &'static str = "incident";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["open_about", "status"];

    fn evolve(state: Option<Self>, event: &IncidentEvent, meta: &EventMeta) -> Option<Self> {
        let at = meta.recorded_at;
        if let IncidentEvent::Opened(opened) = event {
            return Some(Self::opened(opened.clone(), at));
        }
        let mut incident = state?;
        let before = incident.status;
        incident.go_on(event.clone(), at);
        if incident.status != before {
            incident.since = at;
        }
        Some(incident)
    }

    /// When the next level is called, or the watch ends.
    fn due_at(&self) -> Option<Timestamp> {
        let call = self.call.as_ref().filter(|call| call.acknowledged_at.is_none() && !self.status.is_over());
        call.map(|call| call.next_at).into_iter().chain(self.watch_until).min()
    }

    /// The subject of one that is open, and how far it has come.
    fn index_values(&self) -> Vec<String> {
        let about = if self.status.is_over() { String::new() } else { self.subject.to_string() };
        vec![about, self.status.as_str().to_owned()]
    }

    fn about(event: &IncidentEvent, state: Option<&Self>) -> Vec<Subject> {
        match event {
            IncidentEvent::Opened(opened) => vec![opened.subject.clone()],
            _ => state.map(|incident| incident.subject.clone()).into_iter().collect(),
        }
    }
}

impl Incident {
    fn opened(opened: IncidentOpened, at: Timestamp) -> Self {
        let IncidentOpened { subject, finding, moving, exercise } = opened;
        Self {
            title: finding.title.clone(),
            severity: finding.severity,
            status: Status::New,
            subject,
            moving,
            exercise,
            began_at: finding.first,
            findings: vec![finding],
            findings_total: 1,
            opened_at: at,
            triaged_at: None,
            contained: None,
            waits_for_person: None,
            contained_at: None,
            watch_until: None,
            call: None,
            diagnostics_asked_at: None,
            artefacts: Vec::new(),
            investigated_by: None,
            restored_at: None,
            escalation: None,
            lessons: None,
            closed_at: None,
            closed_by: None,
            since: at,
        }
    }

    fn join(&mut self, finding: Finding) {
        self.findings_total += 1;
        self.began_at = self.began_at.min(finding.first);
        if self.findings.len() < ALERTS_MAX {
            self.findings.push(finding);
        }
    }

    fn go_on(&mut self, event: IncidentEvent, at: Timestamp) {
        match event {
            IncidentEvent::Opened(_) => {}
            IncidentEvent::FindingJoined(joined) => self.join(joined.finding),
            IncidentEvent::SeverityChanged(changed) => self.severity = changed.severity,
            IncidentEvent::Triaged(_) => {
                self.status = Status::Triaged;
                self.triaged_at = Some(at);
            }
            IncidentEvent::WatchBegan(began) => self.watch_until = Some(began.until),
            IncidentEvent::WatchEnded(_) => self.watch_until = None,
            IncidentEvent::Called(called) => {
                let calls = self.call.as_ref().map_or(0, |call| call.calls) + 1;
                self.call = Some(Call {
                    level: called.level,
                    calls,
                    people: called.people,
                    called_at: at,
                    next_at: called.next_at,
                    acknowledged_by: None,
                    acknowledged_at: None,
                });
            }
            IncidentEvent::Acknowledged(acknowledged) => {
                if let Some(call) = &mut self.call {
                    (call.acknowledged_by, call.acknowledged_at) = (Some(acknowledged.by), Some(at));
                }
            }
            IncidentEvent::DiagnosticsAsked(_) => self.diagnostics_asked_at = Some(at),
            IncidentEvent::ArtefactKept(kept) => {
                if self.artefacts.len() < ARTEFACTS_MAX {
                    self.artefacts.push(kept.artefact);
                }
            }
            IncidentEvent::InvestigationBegan(began) => {
                self.status = Status::Investigating;
                self.investigated_by = Some(began.by);
            }
            IncidentEvent::RecoveryBegan(_) => self.status = Status::Recovering,
            IncidentEvent::Restored(_) => self.restored_at = Some(at),
            IncidentEvent::Escalated(escalated) => {
                self.status = Status::Escalated;
                let (reason, team, by) = (escalated.reason, escalated.team, escalated.by);
                self.escalation = Some(Escalation { reason, team, by, at });
            }
            IncidentEvent::Closed(closed) => {
                self.status = Status::Closed;
                self.watch_until = None;
                (self.closed_at, self.closed_by) = (Some(at), Some(closed.by));
                self.lessons = Some(closed.lessons);
            }
            contained => self.contain(contained, at),
        }
    }

    fn contain(&mut self, event: IncidentEvent, at: Timestamp) {
        match event {
            IncidentEvent::ContainmentRefused(refused) => self.waits_for_person = Some(refused.reason),
            IncidentEvent::ContainmentOrdered(ordered) => {
                self.status = Status::Containing;
                self.waits_for_person = None;
                let before = self.contained.take();
                let earlier = before.as_ref().map(|known| known.ordered).unwrap_or_default();
                let mut both = ordered.containment;
                both.isolate |= earlier.isolate;
                both.revoke |= earlier.revoke;
                self.contained = Some(Contained {
                    ordered: both,
                    hold: ordered.hold,
                    ordered_at: before.as_ref().map_or(at, |known| known.ordered_at),
                    isolated_at: before.as_ref().and_then(|known| known.isolated_at),
                    revoked_at: before.and_then(|known| known.revoked_at),
                });
            }
            IncidentEvent::Isolated(_) => {
                if let Some(contained) = &mut self.contained {
                    contained.isolated_at = Some(at);
                }
            }
            IncidentEvent::AccessRevoked(_) => {
                if let Some(contained) = &mut self.contained {
                    contained.revoked_at = Some(at);
                }
            }
            _ => {}
        }
        let is_done = self.contained.as_ref().is_some_and(Contained::is_done);
        if self.status == Status::Containing && is_done {
            self.status = Status::Contained;
            self.contained_at = Some(at);
        }
    }
}

//! What is due to authorities: a collision opens what its notice asks for, and a profile what the end of a period does.

use ::reports::Form;
use ::reports::form::{Every, When};
use bundles::deadline::Due;
use kernel::id::{CollisionId, IssueId, ObligationId};
use kernel::{Aggregate, Ctx, Subject, TenantId, Timestamp};
use store::CommandError;
use store::port::{Fault, Guard, ListQuery};
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

use super::{CLASSIFY_RULE, Evidence, id_of};
use crate::calendars;
use crate::collision::{KnownCollision, Reporting};
use crate::issue::events::IssueRaised;
use crate::issue::{IssueKind, decide};
use crate::obligation::{self, Obligation, ObligationOpened};
use crate::profile::ComplianceProfile;
use crate::report::Covered;

/// How long somebody has to mend what is late already, in milliseconds.
const LATE_DUE_MS: i64 = 24 * 3_600_000;

/// Collisions that are looked at again, the newest first.
const COLLISIONS_MAX: usize = 100;

impl Evidence {
    /// What is due, the soonest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn open_obligations(&self, tenant: &TenantId) -> Result<Vec<(ObligationId, Obligation)>, Fault> {
        let mut open = self.list::<Obligation>(tenant, ListQuery::of("open", "open")).await?;
        open.sort_by_key(|(_, obligation)| obligation.due_at);
        Ok(open)
    }

    pub(crate) async fn open_obligation(
        &self,
        ctx: &Ctx,
        id: ObligationId,
        opened: &ObligationOpened,
    ) -> Result<(), CommandError> {
        self.command(ctx, &id, None, |state| obligation::open(state, opened)).await
    }

    /// A collision is reported by every form that applies, from its notice on.
    pub(crate) async fn oblige_collision(
        &self,
        ctx: &Ctx,
        profile: &ComplianceProfile,
        (id, noticed_at, report): (CollisionId, Timestamp, Reporting),
    ) -> Result<(), CommandError> {
        let kind: &'static str = report.into();
        for form in self.forms.iter().filter(|form| profile.profile.forms.contains(&form.id)) {
            // Where a form tells kinds apart, a collision of none of them is none of its.
            let is_by_kind = form.deadlines.iter().any(|deadline| deadline.report.is_some());
            if is_by_kind && report == Reporting::None {
                continue;
            }
            let Some(deadline) = form.deadline(Some(kind)).filter(|of| matches!(of.when, When::Notice(_))) else {
                continue;
            };
            let Some(due) = due_of(&deadline.zone, |calendar| deadline.due(calendar, noticed_at.as_ms()).ok()) else {
                continue;
            };
            let about = Some(Subject::new(KnownCollision::KIND, id));
            let opened = opened(form, &deadline.zone, &due, noticed_at, about, None);
            let obligation = id_of(&format!("obligation/{}/{}/{}", ctx.tenant, form.id, id));
            self.open_obligation(ctx, obligation, &opened).await?;
        }
        Ok(())
    }

    /// Collisions that were known before a form applied are reported by it too.
    pub(crate) async fn oblige_known_collisions(
        &self,
        ctx: &Ctx,
        profile: &ComplianceProfile,
    ) -> Result<(), CommandError> {
        for (id, known) in self.page::<KnownCollision>(&ctx.tenant, None, COLLISIONS_MAX).await? {
            self.oblige_collision(ctx, profile, (id, known.known.noticed_at, known.report)).await?;
        }
        Ok(())
    }

    /// Every form of a period that applies is due for the period that runs, and for those that ended since it applies.
    pub(crate) async fn oblige_periods(&self, ctx: &Ctx, known: &ComplianceProfile) -> Result<(), CommandError> {
        for form in self.forms.iter().filter(|form| known.profile.forms.contains(&form.id)) {
            let Some(deadline) = form.deadline(None) else { continue };
            let When::PeriodEnd { every, .. } = deadline.when else { continue };
            let Some(calendar) = calendars::of_zone(&deadline.zone) else { continue };
            let mut at = known.set_at;
            while let Some(covered) = period(every, |ms| calendars::offset_minutes(calendar, ms), at) {
                if covered.from > ctx.now {
                    break;
                }
                at = covered.until;
                let last = covered.until.plus_ms(-1);
                let Ok(due) = deadline.due(calendar, last.as_ms()) else { break };
                let id = id_of(&format!("obligation/{}/{}/{}", ctx.tenant, form.id, covered.from));
                let opened = opened(form, &deadline.zone, &due, last, None, Some(covered));
                self.open_obligation(ctx, id, &opened).await?;
            }
        }
        Ok(())
    }

    /// The authority said by when it wants the next report of this form.
    pub(crate) async fn oblige_next(
        &self,
        ctx: &Ctx,
        form: &Form,
        covered: Covered,
        due_at: Timestamp,
    ) -> Result<(), CommandError> {
        let zone = form.deadline(None).map_or("UTC", |deadline| deadline.zone.as_str());
        let length_ms = covered.until.since_ms(covered.from);
        let next = Covered { from: covered.until, until: covered.until.plus_ms(length_ms) };
        let day = calendars::of_zone(zone).and_then(|calendar| {
            let last = due_at.plus_ms(-1);
            local(last, calendars::offset_minutes(calendar, last.as_ms()))
        });
        let due = Due { before_ms: due_at.as_ms(), day: day.map(|day| day.date().to_string()).unwrap_or_default() };
        let opened = opened(form, zone, &due, ctx.now, None, Some(next));
        let id = id_of(&format!("obligation/{}/{}/{}", ctx.tenant, form.id, next.from));
        self.open_obligation(ctx, id, &opened).await
    }

    pub(crate) async fn obligation_due(
        &self,
        tenant: &TenantId,
        id: ObligationId,
        guard: Guard,
    ) -> Result<(), CommandError> {
        let ctx = self.automation(tenant, CLASSIFY_RULE).await?;
        let missed = self.command(&ctx, &id, Some(guard), |state| obligation::due(state, ctx.now)).await?;
        let Some(known) = self.one::<Obligation>(tenant, &id).await?.filter(|_| missed) else { return Ok(()) };
        metrics::counter!("atlasmesh_obligations_missed_total", "form" => known.form.clone()).increment(1);
        let raised = IssueRaised {
            kind: IssueKind::Late,
            title: format!("{} was due by {} and was not submitted", known.title, known.due_day),
            clauses: Vec::new(),
            entry: None,
            event: None,
            about: Some(Subject::new("obligation", id)),
            owner: "safety_officer".into(),
            due_at: ctx.now.plus_ms(LATE_DUE_MS),
        };
        self.raise(&ctx, late_issue(id), &raised).await
    }

    /// The authority has the report: what was due is met, and what was late is over.
    pub(crate) async fn meet_obligation(
        &self,
        ctx: &Ctx,
        id: ObligationId,
        report: kernel::id::ReportId,
    ) -> Result<(), CommandError> {
        self.command(ctx, &id, None, |state| obligation::meet(state, report)).await?;
        let resolve = |state: Option<&crate::ComplianceIssue>| match state {
            Some(_) => decide::resolve(state, &ctx.actor.id, "it was submitted", true),
            None => kernel::Decided::unchanged(()),
        };
        self.command(ctx, &late_issue(id), None, resolve).await
    }
}

/// The issue that something is late.
fn late_issue(id: ObligationId) -> IssueId {
    id_of(&format!("late/{id}"))
}

fn due_of(zone: &str, due: impl FnOnce(&bundles::deadline::Calendar) -> Option<Due>) -> Option<Due> {
    let due = calendars::of_zone(zone).and_then(due);
    if due.is_none() {
        tracing::error!(zone, "no due date can be found: the calendar of the zone is not known for that time");
    }
    due
}

fn opened(
    form: &Form,
    zone: &str,
    due: &Due,
    noticed_at: Timestamp,
    about: Option<Subject>,
    covered: Option<Covered>,
) -> ObligationOpened {
    ObligationOpened {
        form: form.id.clone(),
        title: form.title.clone(),
        authority: form.authority.clone(),
        about,
        covered,
        noticed_at,
        due_at: Timestamp::from_ms(due.before_ms),
        due_day: due.day.clone(),
        zone: zone.to_owned(),
    }
}

fn local(at: Timestamp, offset_minutes: i32) -> Option<OffsetDateTime> {
    let offset = UtcOffset::from_whole_seconds(offset_minutes * 60).ok()?;
    Some(OffsetDateTime::from_unix_timestamp(at.as_ms().div_euclid(1_000)).ok()?.to_offset(offset))
}

/// The month, quarter or year that an instant lies in, by the days of a zone.
fn period(every: Every, offset_minutes: impl Fn(i64) -> i32, at: Timestamp) -> Option<Covered> {
    let day = local(at, offset_minutes(at.as_ms()))?.date();
    let (year, month) = (day.year(), u8::from(day.month()));
    let (first, months) = match every {
        Every::Month => (month, 1),
        Every::Quarter => ((month - 1) / 3 * 3 + 1, 3),
        Every::Year => (1, 12),
    };
    let (end_year, end_month) =
        if first + months > 12 { (year + 1, first + months - 12) } else { (year, first + months) };
    let start_of = |year: i32, month: u8| {
        let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, 1).ok()?;
        let local_ms = date.with_time(Time::MIDNIGHT).assume_utc().unix_timestamp() * 1_000;
        // The offset of midnight itself: the clocks may change later on the same day.
        let guess = local_ms - i64::from(offset_minutes(local_ms)) * 60_000;
        Some(Timestamp::from_ms(local_ms - i64::from(offset_minutes(guess)) * 60_000))
    };
    Some(Covered { from: start_of(year, first)?, until: start_of(end_year, end_month)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_follow_each_other_by_the_days_of_a_zone() {
        let calendar = calendars::of_zone("America/Los_Angeles").unwrap();
        let offset = |ms| calendars::offset_minutes(calendar, ms);
        // 1 December 2026, 06:00 in UTC: still November there.
        let at = Timestamp::from_ms(1_796_104_800_000);
        let text = |every| {
            let covered = period(every, offset, at).unwrap();
            (covered.from.to_string(), covered.until.to_string())
        };
        let of = |from: &str, until: &str| (format!("{from}:00:00.000000Z"), format!("{until}:00:00.000000Z"));
        assert_eq!(text(Every::Month), of("2026-11-01T07", "2026-12-01T08"));
        assert_eq!(text(Every::Quarter), of("2026-10-01T07", "2027-01-01T08"));
        assert_eq!(text(Every::Year), of("2026-01-01T08", "2027-01-01T08"));
    }
}

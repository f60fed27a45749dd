//! The lives of parts that models learn from: imported from an operator's books, or lived here.

use std::sync::PoisonError;

use kernel::{Code, Ctx, Reject, TenantId, VehicleId};
use prognostics::catalog::ComponentClass;
use prognostics::features::Row;
use prognostics::rul::Label;
use prognostics::survival::{Lifetime, Weibull};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::port::{Fault, ListQuery};
use store::{CommandError, Expected, RowBody, RowWrite};

use super::{HISTORIES, Maintenance, READINGS, component_key};
use crate::health::Component;
use crate::service::ReadingRow;

/// The most rows of one life.
pub const ROWS_MAX: usize = 5_000;

/// A look at a part at some moment of its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryRow {
    /// Milliseconds since the part was fitted.
    pub at_ms: u64,
    #[schemars(range(min = 0.0))]
    pub usage: f64,
    /// In the order of the class's signals; null is missing.
    #[schemars(length(max = 64))]
    pub values: Vec<Option<f64>>,
}

/// The life of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHistory {
    /// How it ended.
    pub label: Label,
    /// What it had done then.
    #[schemars(range(min = 0.0))]
    pub end_usage: f64,
    /// None: only its length is known, which teaches survival and no model.
    #[serde(default)]
    #[schemars(length(max = 5000))]
    pub rows: Vec<HistoryRow>,
}

impl Maintenance {
    /// Keeps the life of a part; the same part again takes the place of what was known.
    ///
    /// # Errors
    /// One entry per wrong field; a fault.
    pub async fn import_history(
        &self,
        ctx: &Ctx,
        class: ComponentClass,
        part: &str,
        history: &NewHistory,
    ) -> Result<(), CommandError> {
        check(class, history)?;
        let name: &str = class.into();
        self.keep_history(&ctx.tenant, class, &format!("{name}/book/{part}"), history).await?;
        tracing::info!(tenant = %ctx.tenant, class = name, part, rows = history.rows.len(), "the life of a part was imported");
        Ok(())
    }

    async fn keep_history(
        &self,
        tenant: &TenantId,
        class: ComponentClass,
        key: &str,
        history: &NewHistory,
    ) -> Result<(), CommandError> {
        let name: &str = class.into();
        let body = RowBody::new(history, vec![name.to_owned()])?;
        self.write(tenant, vec![RowWrite::put(HISTORIES, key, Expected::Any, body)]).await?;
        self.fitted.lock().unwrap_or_else(PoisonError::into_inner).remove(&(tenant.clone(), class));
        Ok(())
    }

    /// Every life of a class, by key.
    pub(super) async fn histories(
        &self,
        tenant: &TenantId,
        class: ComponentClass,
    ) -> Result<Vec<(String, NewHistory)>, Fault> {
        let name: &str = class.into();
        let query = ListQuery { limit: 100, ..ListQuery::of("class", name) };
        let rows = store::list_all(&*self.store, HISTORIES, tenant, query).await?;
        rows.into_iter().map(|row| Ok((row.key.clone(), row.decode()?))).collect()
    }

    /// How long parts of a class live (Weibull), and of how many that is known; `None`: too few have failed.
    pub(super) async fn fitted(
        &self,
        tenant: &TenantId,
        class: ComponentClass,
    ) -> Result<Option<(u64, Weibull)>, Fault> {
        let key = (tenant.clone(), class);
        let known = self.fitted.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if let Some(fitted) = known {
            return Ok(fitted);
        }
        let histories = self.histories(tenant, class).await?;
        let life = |(_, history): &(String, NewHistory)| match history.label.is_end_of_life() {
            true => Lifetime::failure(history.end_usage),
            false => Lifetime::censored(history.end_usage),
        };
        let lives: Vec<Lifetime> = histories.iter().map(life).collect();
        let fitted = Weibull::fit(&lives).ok().map(|fitted| (lives.len() as u64, fitted));
        self.fitted.lock().unwrap_or_else(PoisonError::into_inner).insert(key, fitted);
        Ok(fitted)
    }

    /// The life of a part that was lived here and is over now: what models learn from it follows from its label (PDM-7).
    pub(super) async fn keep_life(
        &self,
        tenant: &TenantId,
        vehicle: VehicleId,
        (name, component): (&str, &Component),
        (label, end_usage): (Label, f64),
    ) -> Result<(), CommandError> {
        let (class, unit) = (component.class, component.unit);
        let index = component_key(vehicle, name);
        let query = ListQuery::of("component", index.clone());
        let read = store::list_all(&*self.store, READINGS, tenant, query).await?;
        let mut rows = read.iter().map(store::Row::decode).collect::<Result<Vec<ReadingRow>, Fault>>()?;
        rows.retain(|row| row.unit == unit);
        let begun = rows.iter().map(|row| row.at.as_ms()).min().unwrap_or(0);
        let skip = rows.len().saturating_sub(ROWS_MAX);
        let rows = rows.into_iter().skip(skip).map(|row| HistoryRow {
            at_ms: u64::try_from(row.at.as_ms() - begun).unwrap_or(0),
            usage: row.usage,
            values: row.values,
        });
        let history = NewHistory { label, end_usage, rows: rows.collect() };
        let class_name: &str = class.into();
        self.keep_history(tenant, class, &format!("{class_name}/{index}/{unit:06}"), &history).await
    }
}

fn check(class: ComponentClass, history: &NewHistory) -> Result<(), Reject> {
    let signals = class.spec().signals.len();
    if !history.end_usage.is_finite() || history.end_usage <= 0.0 {
        return Err(Reject::invalid_field("/end_usage", "must be more than 0"));
    }
    if history.rows.len() > ROWS_MAX {
        return Err(Reject::invalid_field("/rows", format!("must be at most {ROWS_MAX}")));
    }
    for (n, row) in history.rows.iter().enumerate() {
        if row.values.len() != signals {
            let text = format!("must be {signals} values, one for each signal of the class");
            return Err(Reject::invalid_field(format!("/rows/{n}/values"), text));
        }
        if !row.usage.is_finite() || row.usage < 0.0 || row.usage > history.end_usage {
            return Err(Reject::invalid_field(format!("/rows/{n}/usage"), "must be from 0 to the end of the life"));
        }
    }
    let sorted = history.rows.windows(2).all(|pair| pair[0].usage <= pair[1].usage && pair[0].at_ms < pair[1].at_ms);
    if !sorted {
        return Err(Reject::new(Code::InvalidRequest, "the rows of a life go on in time and never back in usage"));
    }
    Ok(())
}

/// A row as features take it.
pub(super) fn row_of(row: &HistoryRow) -> Row {
    let at_ms = i64::try_from(row.at_ms).unwrap_or(i64::MAX);
    let values = row.values.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
    Row { at_ms, recorded_ms: at_ms, usage: row.usage, values }
}

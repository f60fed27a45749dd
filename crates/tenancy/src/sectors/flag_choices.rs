//! Flags as they answer for a tenant, and the variants that it chose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flags::ofrep::{Bulk, EventStream, StreamEndpoint};
use flags::{Class, Context, ContextError, Layers, Resolution};
use kernel::{Code, Ctx, Reject, Sector, TenantId};
use serde_json::Value;
use store::{CommandError, Extras, execute_plain};

use super::{FlagState, Installed, Sectors};
use crate::tenant::Tenant;
use crate::tenant::sector::{ChosenFlag, choose_flag};

/// The most that one answer to all flags takes of time-bound rules, in seconds, before a client asks again by itself.
const INACTIVITY_S: u32 = 120;

/// What a client of OFREP is answered for all flags.
pub struct AllFlags {
    /// Over rules, context and entitlements.
    pub etag: String,
    pub body: Bulk,
}

fn no_flag(key: &str) -> Reject {
    Reject::new(Code::NotFound, format!("there is no flag {key}: list them to see which there are"))
}

fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

impl Sectors {
    /// What each flag of the overlay in force answers now.
    pub(crate) fn flag_values(
        &self,
        tenant: &Tenant,
        sector: Sector,
        installed: &Installed,
    ) -> BTreeMap<String, Value> {
        let context = self.flag_context(tenant, sector, Context::default());
        let answers = self.layers(tenant, installed).evaluate_all(&context, self.now_ms());
        answers.into_iter().filter_map(|answer| Some((answer.key, answer.value?))).collect()
    }

    /// The generation in force and what its flags answer, to be kept with a trip; `None` where no overlay is in force.
    ///
    /// # Errors
    /// `NOT_FOUND`; a fault of the store.
    pub async fn frozen(&self, tenant: &TenantId) -> Result<Option<(u64, BTreeMap<String, Value>)>, CommandError> {
        let known = self.tenant(tenant).await?;
        let (Some(installed), Some(sector)) = (self.in_force(&known), known.sector) else { return Ok(None) };
        Ok(Some((known.generation, self.flag_values(&known, sector, installed))))
    }

    /// The flags as they answer for the tenant.
    ///
    /// # Errors
    /// `NOT_FOUND`; a fault of the store.
    pub async fn flags(&self, ctx: &Ctx) -> Result<Vec<FlagState>, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let (Some(installed), Some(sector)) = (self.in_force(&tenant), tenant.sector) else { return Ok(Vec::new()) };
        let context = self.flag_context(&tenant, sector, Context::default());
        let layers = self.layers(&tenant, installed);
        let states = layers.flags().map(|flag| {
            let answer = flag.evaluate(&context, self.now_ms());
            FlagState {
                key: flag.key.to_string(),
                class: flag.class().map(word).unwrap_or_default(),
                owner: flag.owner().unwrap_or_default().to_owned(),
                expires: flag.expires().map(str::to_owned),
                variants: flag.variants.clone().into_iter().collect(),
                safe: flag.safe_variant().map(str::to_owned),
                variant: answer.variant,
                value: answer.value,
                reason: word(answer.reason),
                chosen: tenant.flags.get(&*flag.key).cloned().map(Into::into),
            }
        });
        Ok(states.collect())
    }

    /// Chooses a variant of a flag; `None` leaves it to the flag's own rule again. `is_approved`: a second person agreed.
    ///
    /// # Errors
    /// `NOT_FOUND`; `INVALID_REQUEST` for an unknown variant; `ENTITLEMENT_REQUIRED`; `FORBIDDEN` where it takes two people.
    pub async fn choose_flag(
        &self,
        ctx: &Ctx,
        key: &str,
        variant: Option<&str>,
        reason: &str,
        is_approved: bool,
    ) -> Result<FlagState, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let (Some(installed), Some(sector)) = (self.in_force(&tenant), tenant.sector) else {
            return Err(no_flag(key).into());
        };
        let flag = installed.overlay.flags.flag(key).ok_or_else(|| no_flag(key))?;
        let variants: BTreeSet<String> = flag.variants.keys().cloned().collect();
        let chosen = ChosenFlag {
            key,
            variants: &variants,
            safe: flag.safe_variant().filter(|_| flag.class() == Some(Class::OpsKill)),
            may_be_chosen: flag.class().is_some_and(Class::may_be_overridden),
            is_entitled: self.entitled(&tenant, sector).contains("flags.own"),
            is_approved,
        };
        let by = ctx.actor.id.clone();
        execute_plain(&*self.parts.store, ctx, &ctx.tenant, Extras::default(), |state: Option<&Tenant>| {
            choose_flag(state, chosen, variant, (reason, &by))
        })
        .await?;
        metrics::counter!("atlasmesh_flags_chosen_total").increment(1);
        tracing::info!(tenant = %ctx.tenant, flag = key, variant, "a variant of a flag was chosen");
        let found = self.flags(ctx).await?.into_iter().find(|known| known.key == key);
        found.ok_or_else(|| no_flag(key).into())
    }

    /// Whether choosing this variant takes a second person: a switch that would leave its safe side.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn takes_two(&self, ctx: &Ctx, key: &str, variant: Option<&str>) -> Result<bool, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let flag = self.in_force(&tenant).and_then(|installed| installed.overlay.flags.flag(key));
        let Some(safe) = flag.filter(|flag| flag.class() == Some(Class::OpsKill)).and_then(|flag| flag.safe_variant())
        else {
            return Ok(false);
        };
        let is_safe = tenant.flags.get(key).is_some_and(|chosen| chosen.variant == safe);
        Ok(is_safe && variant != Some(safe))
    }

    /// One flag for a client of OFREP. What the server knows better stands over what the client sent.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn evaluate_flag(
        &self,
        ctx: &Ctx,
        key: &str,
        sent: Option<Value>,
    ) -> Result<Result<Resolution, ContextError>, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let asked = match Context::from_client(sent) {
            Ok(asked) => asked,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let (Some(installed), Some(sector)) = (self.in_force(&tenant), tenant.sector) else {
            return Ok(Ok(Resolution::not_found(key)));
        };
        let context = self.flag_context(&tenant, sector, asked);
        Ok(Ok(self.layers(&tenant, installed).evaluate(key, &context, self.now_ms())))
    }

    /// All flags for a client of OFREP.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn evaluate_flags(
        &self,
        ctx: &Ctx,
        sent: Option<Value>,
    ) -> Result<Result<AllFlags, ContextError>, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let asked = match Context::from_client(sent) {
            Ok(asked) => asked,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let (layers, context) = match (self.in_force(&tenant), tenant.sector) {
            (Some(installed), Some(sector)) => {
                (self.layers(&tenant, installed), self.flag_context(&tenant, sector, asked))
            }
            _ => (Arc::new(Layers::default()), asked),
        };
        let now = self.now_ms();
        let etag = layers.etag(&context, &tenant.generation.to_string(), now);
        let metadata = [("version".to_owned(), flags::Scalar::Text(tenant.generation.to_string()))].into();
        let mut body = Bulk::of(layers.evaluate_all(&context, now), metadata);
        body.event_streams = vec![EventStream {
            kind: "sse".into(),
            endpoint: StreamEndpoint { request_uri: "/ofrep/v1/events".into() },
            inactivity_delay_sec: Some(INACTIVITY_S),
        }];
        Ok(Ok(AllFlags { etag, body }))
    }
}

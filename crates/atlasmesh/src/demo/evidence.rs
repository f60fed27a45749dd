//! The lines of the demo about evidence: a bundle, a stranger who checks it, and an authority that rejects a report.

use anyhow::Result;
use serde_json::json;

use super::folder::DemoFolder;

/// Says what applies to the demo's fleet, and makes a bundle of everything until now.
pub fn make(folder: &DemoFolder, data: &str) -> Result<String> {
    let profile = json!({
        "frameworks": ["un-r155", "un-r156", "iso-27001"],
        "forms": ["un-r156-updates", "internal-audit"],
        "settings": { "reporting_entity": "Coquimbo City Shuttles", "r156_certificate": "E5*156R00/00*0017" },
        "assess_every_minutes": 60,
    });
    folder.write_private("profile.json", &serde_json::to_vec_pretty(&profile)?)?;
    Ok(format!(
        "atlasmesh evidence profile --set {data}/profile.json && atlasmesh evidence frameworks && \
         atlasmesh evidence bundle --purpose 'the demo' --out {data}/bundle.tar.zst && \
         atlasmesh evidence key --out {data}/evidence.pem"
    ))
}

/// Follows the bundle's own VERIFY.md, with openssl and python3 and no program of ours, in a folder of its own each time.
pub fn check(data: &str) -> String {
    format!(
        "(cd \"$(mktemp -d {data}/stranger.XXXXXX)\" && cp {data}/bundle.tar.zst {data}/evidence.pem . && \
         zstd -q -d -c bundle.tar.zst | tar -xOf - VERIFY.md | sed -n '/^```sh/,/^```$/p' | grep -v '^```' | sh)"
    )
}

/// Writes a report, submits it, and rejects it as the authority, under the authority's own key.
pub fn report(data: &str) -> String {
    let id = "sed -n 's/^ *\"id\": \"\\(report_[^\"]*\\)\".*/\\1/p' | head -n 1";
    let token = "sed -n 's/.*\"token\": \"\\(.*\\)\".*/\\1/p'";
    format!(
        "report=\"$(atlasmesh evidence report un-r156-updates --from 2026-01-01T00:00:00Z \
         --until \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\" --value period=today --value regulated=No \
         --value assessment='nothing safety-related' --value signed_by=Sofia --json | {id})\" && \
         atlasmesh evidence sign \"$report\" && atlasmesh evidence submit \"$report\" && \
         atlasmesh evidence document \"$report\" pdf --out {data}/report.pdf && \
         openssl genpkey -algorithm ed25519 -out {data}/authority.pem && \
         authority=\"$(atlasmesh principals create --role regulator --name authority --json | {token})\" && \
         (export ATLASMESH_TOKEN=\"$authority\" && atlasmesh evidence register-key {data}/authority.pem && \
         atlasmesh evidence check \"$report\" && \
         atlasmesh evidence reject \"$report\" --reason 'the assessment is thin' --correction 'say what was tested' \
         --due 2099-01-10T00:00:00Z --key {data}/authority.pem) && \
         until atlasmesh evidence issues | grep 'say what was tested'; do sleep 0.2; done"
    )
}

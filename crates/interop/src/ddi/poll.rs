//! The answer to a poll: how long to sleep, and where there is something to do.

use serde::{Serialize, Serializer};

/// The shortest sleep that hawkBit accepts, in seconds; the default for fleets.
pub const SHORTEST_SLEEP_S: u32 = 30;
/// The longest sleep that `HH:MM:SS` can say, in seconds: 23:59:59.
pub const LONGEST_SLEEP_S: u32 = 86_399;

/// What a controller is told when it polls `GET /{tenant}/controller/v1/{controllerId}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll<'a> {
    /// How long to sleep until the next poll, in seconds; kept between [`Self::shortest_s`] and [`LONGEST_SLEEP_S`].
    pub sleep_s: u32,
    /// The shortest sleep that is ever said, in seconds: [`SHORTEST_SLEEP_S`], less where a test polls quickly, never
    /// 0.
    pub shortest_s: u32,
    /// The absolute URL of this controller, `https://host/{tenant}/controller/v1/{controllerId}`, already
    /// percent-encoded.
    pub base: &'a str,
    /// A deployment to fetch. It is withheld while [`Self::cancel`] is there: hawkBit never offers both.
    pub deployment: Option<DeploymentLink>,
    /// The action that is to be cancelled.
    pub cancel: Option<i32>,
    /// Whether the controller is to send its attributes.
    pub config_data: bool,
    /// The last finished action that installed something.
    pub installed: Option<i32>,
}

/// Where a deployment is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeploymentLink {
    /// The id of the action, positive.
    pub action: i32,
    /// Changes when the deployment does ([`super::deployment::Deployment::revision`]); rauc-hawkbit insists on having
    /// it.
    pub c: i32,
}

impl Poll<'_> {
    /// The answer as a JSON value.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Serialize for Poll<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let base = self.base.trim_end_matches('/');
        let link = |tail: String| Link { href: format!("{base}/{tail}") };
        let deployment = self.deployment.filter(|_| self.cancel.is_none());
        let body = Body {
            config: Config { polling: Polling { sleep: sleep(self.sleep_s, self.shortest_s) } },
            links: Links {
                deployment: deployment.map(|to| link(format!("deploymentBase/{}?c={}", to.action, to.c))),
                cancel: self.cancel.map(|action| link(format!("cancelAction/{action}"))),
                installed: self.installed.map(|action| link(format!("installedBase/{action}"))),
                config_data: self.config_data.then(|| link("configData".into())),
            },
        };
        body.serialize(serializer)
    }
}

/// A sleep as `HH:MM:SS`, kept between the shortest one (at least one second) and [`LONGEST_SLEEP_S`]; both in seconds.
pub fn sleep(seconds: u32, shortest: u32) -> String {
    let seconds = seconds.max(shortest).clamp(1, LONGEST_SLEEP_S);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[derive(Serialize)]
struct Body {
    config: Config,
    #[serde(rename = "_links")]
    links: Links,
}

#[derive(Serialize)]
struct Config {
    polling: Polling,
}

#[derive(Serialize)]
struct Polling {
    sleep: String,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "deploymentBase", skip_serializing_if = "Option::is_none")]
    deployment: Option<Link>,
    #[serde(rename = "cancelAction", skip_serializing_if = "Option::is_none")]
    cancel: Option<Link>,
    #[serde(rename = "installedBase", skip_serializing_if = "Option::is_none")]
    installed: Option<Link>,
    #[serde(rename = "configData", skip_serializing_if = "Option::is_none")]
    config_data: Option<Link>,
}

#[derive(Serialize)]
struct Link {
    href: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BASE: &str = "https://ota.example/DEFAULT/controller/v1/veh-42";

    fn idle() -> Poll<'static> {
        Poll {
            sleep_s: 300,
            shortest_s: SHORTEST_SLEEP_S,
            base: BASE,
            deployment: None,
            cancel: None,
            config_data: false,
            installed: None,
        }
    }

    #[test]
    fn an_idle_poll_has_its_links_too() {
        let golden = r#"{"config":{"polling":{"sleep":"00:05:00"}},"_links":{}}"#;
        assert_eq!(serde_json::to_string(&idle()).unwrap(), golden);
    }

    #[test]
    fn a_full_answer_is_hawkbits() {
        let deployment = Some(DeploymentLink { action: 8, c: -2_127_183_556 });
        let poll = Poll { deployment, config_data: true, installed: Some(7), base: &format!("{BASE}/"), ..idle() };
        let golden = json!({"config": {"polling": {"sleep": "00:05:00"}}, "_links": {
            "deploymentBase": {"href": format!("{BASE}/deploymentBase/8?c=-2127183556")},
            "installedBase": {"href": format!("{BASE}/installedBase/7")},
            "configData": {"href": format!("{BASE}/configData")},
        }});
        assert_eq!(poll.json(), golden);
    }

    #[test]
    fn a_cancellation_hides_the_deployment() {
        let deployment = Some(DeploymentLink { action: 11, c: 1 });
        let links = &Poll { deployment, cancel: Some(11), ..idle() }.json()["_links"];
        assert_eq!(links, &json!({"cancelAction": {"href": format!("{BASE}/cancelAction/11")}}));
    }

    #[test]
    fn sleeps_are_clamped() {
        let sleeps = [(0, 30), (29, 30), (3_661, 30), (86_399, 30), (86_400, 30), (u32::MAX, 30), (1, 1), (0, 0)];
        let written = ["00:00:30", "00:00:30", "01:01:01", "23:59:59", "23:59:59", "23:59:59", "00:00:01", "00:00:01"];
        assert_eq!(sleeps.map(|(seconds, shortest)| sleep(seconds, shortest)), written);
        assert_eq!(sleep(5, u32::MAX), "23:59:59");
    }
}

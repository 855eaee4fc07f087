//! The running gateway, by its admin socket: whether it runs with these files.

use serde_json::Value;

use super::deployment::{AdminError, Deployment};
use super::finding::Finding;

/// The findings, and the document of the status if the gateway answers.
pub(super) fn probe(deployment: &Deployment<'_>) -> (Vec<Finding>, Option<Value>) {
    let finding = match deployment.admin.status() {
        Ok(status) => return (of_status(deployment, &status), Some(status)),
        Err(AdminError::Failed(error)) => Finding::note("gateway-not-running", error)
            .because("what the running gateway has received cannot be compared"),
        Err(AdminError::Silent(error)) => Finding::error("gateway-not-responding", error)
            .because("it accepts connections and does not answer")
            .fix("look into its log, and restart it"),
    };
    (vec![finding], None)
}

fn of_status(deployment: &Deployment<'_>, status: &Value) -> Vec<Finding> {
    let text = |name: &str| status.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut findings = vec![Finding::ok(
        "gateway-running",
        format!("the gateway runs for {} (version {})", text("public_url"), text("version")),
    )];
    let own = env!("CARGO_PKG_VERSION");
    if text("version") != own {
        findings.push(
            Finding::warning(
                "other-version",
                format!("the running gateway is version {}, this program {own}", text("version")),
            )
            .fix("restart the gateway after an upgrade"),
        );
    }
    if let Some(settings) = deployment.settings() {
        let expected = settings.server.public_url.as_str();
        if text("public_url") != expected {
            findings.push(
                Finding::error(
                    "settings-not-loaded",
                    format!(
                        "the running gateway has the public URL {}, the settings have {expected}",
                        text("public_url")
                    ),
                )
                .because("it runs with other settings than these")
                .fix("restart it, or name its settings with `--config`"),
            );
        }
    }
    let in_force = status.get("policy").and_then(|policy| policy.get("version"));
    let in_force = in_force.and_then(Value::as_str).unwrap_or_default();
    if let Some(policy) = deployment.policy()
        && in_force != policy.version()
    {
        findings.push(
            Finding::warning(
                "policy-not-loaded",
                format!("the policy in force is {in_force}, the files are {}", policy.version()),
            )
            .because("changes in the files have no effect yet")
            .fix("run `portcullis policy reload`"),
        );
    }
    let warnings = status.get("warnings").and_then(Value::as_array).into_iter().flatten();
    findings.extend(warnings.map(|warning| {
        let text = |name: &str| warning.get(name).and_then(Value::as_str).unwrap_or_default();
        Finding::warning("gateway-warning", format!("{}: {}", text("name"), text("detail")))
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::deployment::AdminApi;
    use crate::doctor::finding::Severity;

    /// A gateway that gives no document.
    struct Gateway(AdminError);

    impl AdminApi for Gateway {
        fn status(&self) -> Result<Value, AdminError> {
            Err(self.0.clone())
        }

        fn marked(&self) -> Result<Value, AdminError> {
            Err(self.0.clone())
        }
    }

    #[test]
    fn gateway_that_does_not_answer_is_an_error() {
        for (error, name, severity) in [
            (AdminError::Failed as fn(String) -> AdminError, "gateway-not-running", Severity::Note),
            (AdminError::Silent, "gateway-not-responding", Severity::Error),
        ] {
            let gateway = Gateway(error("why".to_owned()));
            let deployment = Deployment {
                report: None,
                url: None,
                connect_to: None,
                portals: Vec::new(),
                paths: Vec::new(),
                portal_headers: Vec::new(),
                allow_writes: false,
                as_portal: None,
                admin: &gateway,
                now: "2026-11-27T09:30:00Z".parse().unwrap(),
            };
            let (findings, status) = probe(&deployment);
            assert_eq!(status, None);
            let found: Vec<_> = findings.iter().map(|it| (it.name, it.severity)).collect();
            assert_eq!(found, [(name, severity)]);
        }
    }
}

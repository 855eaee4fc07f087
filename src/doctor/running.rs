//! The running gateway, by its admin socket: whether it runs with these files.

use serde_json::Value;

use super::deployment::Deployment;
use super::finding::Finding;

pub(super) fn probe(deployment: &Deployment<'_>) -> Vec<Finding> {
    match deployment.admin.status() {
        Err(error) => vec![
            Finding::note("gateway-not-running", error)
                .because("what the running gateway has received cannot be compared"),
        ],
        Ok(status) => of_status(deployment, &status),
    }
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

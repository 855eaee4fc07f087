//! `portcullis doctor`: whether a deployment protects its portal, seen from outside and from inside.
//!
//! Each probe asks one thing of the settings, of the running gateway, of the public URL or of the
//! portal, and reports [`Finding`]s. Probes send GET requests, and one PROPFIND, without a session and
//! change nothing; only with [`Deployment::allow_writes`] do they send a POST to the portal.
//!
//! | module | probes |
//! |---|---|
//! | `files` | settings, policy and their warnings, clock, store |
//! | `mail` | the mail server: EHLO, TLS, sign-in |
//! | `running` | the running gateway, by its admin socket |
//! | `outside` | the public URL: who answers, and how |
//! | `spoofed` | what a client's identity and forwarded headers change there |
//! | `client_address` | what the gateway takes for the client's address there |
//! | `certificate` | the certificate of the public URL |
//! | `limits` | what is not possible behind another proxy |
//! | `bypass` | the portal, past the gateway |
//! | `arrivals` | what the portal gets of spoofed headers |
//! | `twins` | other spellings of paths, and method overrides, at the portal |
//! | `deployment` | what is examined |
//! | `paths` | which paths are asked for |
//! | `client` | sends requests byte by byte |
//! | `marks` | asks the running gateway what it has decided about a request |
//! | `recorder` | receives requests in place of the portal |

mod arrivals;
mod bypass;
mod certificate;
mod client;
mod client_address;
mod deployment;
mod files;
mod finding;
mod limits;
mod mail;
mod marks;
mod outside;
mod paths;
mod recorder;
mod running;
mod spoofed;
mod twins;

pub use self::deployment::{AdminApi, AdminError, Deployment};
pub use self::finding::{Finding, Severity};
pub use self::twins::PortalReadings;

use self::client::Client;
use self::marks::Marks;
use self::recorder::Recorder;

/// What was found.
#[derive(Debug)]
pub struct Examination {
    /// The findings, in the order of the probes.
    pub findings: Vec<Finding>,
    /// What was seen of the portal's readings; `None` if they were not probed.
    pub readings: Option<PortalReadings>,
}

/// Runs all probes for which there is something to ask.
#[must_use]
pub fn examine(deployment: &Deployment<'_>) -> Examination {
    let mut findings = Vec::new();
    let mut status = None;
    if let Some(report) = deployment.report {
        findings.extend(files::probe(report, deployment.now));
        let (of_gateway, answer) = running::probe(deployment);
        findings.extend(of_gateway);
        status = answer;
    }
    if let Some(settings) = deployment.settings() {
        findings.extend(mail::probe(settings));
    }
    findings.extend(limits::probe(deployment));
    let client = Client::new();
    // Before anything is sent that may lead there.
    let recorder = deployment.as_portal.as_deref().map(Recorder::listen);
    let endpoint = deployment.endpoint();
    // Whether there is a running gateway to ask is known by now: one that does not answer would keep
    // every probe waiting.
    let marks = endpoint.as_ref().filter(|_| status.is_some()).map(|endpoint| Marks {
        admin: deployment.admin,
        client: &client,
        endpoint,
    });
    if let Some(endpoint) = &endpoint {
        let running = (status.as_ref(), marks);
        findings.extend(outside::probe(deployment, running, &client, endpoint));
    }
    let to_portal = deployment.settings().map(|it| Client::to_portal(&it.upstream.tls));
    findings.extend(bypass::probe(deployment, &client, to_portal.as_ref()));
    let readings = match (recorder, &endpoint) {
        (Some(recorder), Some(endpoint)) => {
            findings.extend(arrivals::probe(deployment, marks, (&client, endpoint), &recorder));
            None
        }
        // The portal does not run, or there is no public URL to ask.
        (Some(_), None) => None,
        (None, _) => deployment.settings().zip(to_portal).and_then(|(settings, client)| {
            twins::probe(deployment, settings, &client, &mut findings)
        }),
    };
    Examination { findings, readings }
}

impl Examination {
    /// How many findings are this bad.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

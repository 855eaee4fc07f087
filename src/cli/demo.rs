//! `portcullis demo`: the gateway, a sample portal and sample people in one process.

use std::io::Write;
use std::path::PathBuf;

use crate::demo::{self, Demo};
use crate::web::paths;

/// Arguments of `portcullis demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Port of the gateway; 0 for any free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of the admin API; 0 for any free one
    #[arg(long, default_value_t = 8081)]
    admin_port: u16,
    /// Directory for the data and an editable copy of the policy [default: a temporary directory that
    /// is removed at exit]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// File to write addresses and logins to, as JSON, once the gateway is ready
    #[arg(long, value_name = "F")]
    ready_file: Option<PathBuf>,
}

/// Runs the demo until it is stopped. Prints its addresses and logins, as JSON if so asked.
///
/// # Errors
/// When the demo cannot start, or stops because of an error.
pub fn run(args: DemoArgs, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    if let Some(file) = &args.ready_file {
        Demo::remove_ready_file(file)?;
    }
    let demo = Demo::start(args.port, args.admin_port, args.data)?;
    if let Some(file) = &args.ready_file {
        demo.write_ready_file(file)?;
    }
    if json {
        serde_json::to_writer_pretty(&mut *out, &demo.ready)?;
        writeln!(out)?;
        out.flush()?;
    } else {
        print(&demo.ready, out)?;
    }
    demo.run()
}

fn print(ready: &demo::Ready, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "\n  Portal   {}  (sign out at {})", ready.gateway, paths::SIGN_OUT)?;
    writeln!(out, "  Admin    {}  (socket {})", ready.admin, ready.socket.display())?;
    writeln!(out, "  Mail     {}  (one file per email; nothing is sent)\n", ready.mail.display())?;
    writeln!(out, "  {:<34} {:<24} {:<14} Group", "Sign in as", "Password", "Organization")?;
    for user in &ready.users {
        writeln!(
            out,
            "  {:<34} {:<24} {:<14} {}",
            user.login,
            user.password.as_deref().unwrap_or("(changed)"),
            user.organization.as_str(),
            user.group
        )?;
    }
    let administrator = &ready.staff.administrator;
    writeln!(out, "\n  Administration, at {}", ready.admin)?;
    writeln!(out, "  {:<34} {}", administrator.login, administrator.password)?;
    writeln!(
        out,
        "  code from an authenticator app     with the key {}",
        administrator.totp_secret
    )?;
    if let Some((code, _)) = administrator.recovery_codes.split_first() {
        writeln!(out, "  or, once, the recovery code        {code}")?;
    }
    writeln!(out, "  API token {}", ready.staff.token)?;
    writeln!(out, "\n  Secure links")?;
    for organization in &ready.organizations {
        writeln!(out, "  {:<16} {}", organization.name, organization.link)?;
    }
    writeln!(out, "\n  Stop with Ctrl-C.\n")?;
    out.flush()
}

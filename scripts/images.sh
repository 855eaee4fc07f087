#!/usr/bin/env bash
# Takes the pictures of a session that has ended and of a denied page for the README again, with the
# browser tests that show them.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --locked --test real -- an_ended_session_says_why r61_no_circle_leads
cp target/screenshots/session-ended-light-phone.png docs/images/sign-in.png
cp target/screenshots/denied-start-light-phone.png docs/images/denied.png

#!/usr/bin/env bash
# Installs the Debian package of target/dist in a fresh Debian, uses it, and removes it again.
#
#   scripts/check-deb.sh [SUITE]     as root; `make dist` makes the package
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${1:-bookworm}
package=$(echo target/dist/*.deb)
root=$(mktemp -d /var/tmp/portcullis-deb.XXXXXX)
trap 'rm -rf --one-file-system "$root"' EXIT

fail() {
  echo "check-deb: $*" >&2
  exit 1
}
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
# expect WHAT COMMAND...: the command must succeed inside.
expect() {
  local what=$1
  shift
  inside "$@" >/dev/null || fail "$what: $*"
  echo "ok: $what"
}

((EUID == 0)) || fail "run it as root"
[[ -f $package ]] || fail "no package in target/dist; run \`make dist\`"
command -v debootstrap >/dev/null || fail "debootstrap is not installed"
echo "==> Debian $suite in $root"
debootstrap --variant=minbase --include=adduser,ca-certificates "$suite" "$root" >"$root.log" 2>&1 ||
  { cat "$root.log"; fail "debootstrap failed"; }
rm "$root.log"
cp "$package" "$root/portcullis.deb"

expect "the package is installed" dpkg --install /portcullis.deb
expect "the program runs" portcullis --version
expect "the user exists" getent passwd portcullis
expect "data is private" sh -c '[ "$(stat -c "%U %a" /var/lib/portcullis)" = "portcullis 700" ]'
expect "settings are not world-readable" sh -c '[ "$(stat -c "%G %a" /etc/portcullis)" = "portcullis 750" ]'
for file in /usr/lib/systemd/system/portcullis.service /usr/share/man/man1/portcullis.1.gz \
  /usr/share/bash-completion/completions/portcullis /usr/share/doc/portcullis/copyright \
  /usr/share/doc/portcullis/docs/operations.md /usr/share/doc/portcullis/portcullis.cdx.json; do
  expect "it has $file" test -s "$file"
done
expect "the unit starts the installed program" grep -q '^ExecStart=/usr/bin/portcullis ' \
  /usr/lib/systemd/system/portcullis.service
expect "settings are created" portcullis init /etc/portcullis --name Example \
  --public-url http://portal.example --upstream http://127.0.0.1:9000
expect "they are valid" sh -c 'cd /etc/portcullis && portcullis check --config config/portcullis.toml'
expect "it is installed again over itself" dpkg --install /portcullis.deb
expect "settings are still there" test -s /etc/portcullis/config/portcullis.toml

expect "the package is removed" dpkg --remove portcullis
expect "the program is gone" sh -c '! [ -e /usr/bin/portcullis ]'
expect "settings are still there" test -s /etc/portcullis/config/portcullis.toml
expect "the package is purged" dpkg --purge portcullis
expect "settings are still there" test -s /etc/portcullis/config/portcullis.toml
expect "data is still there or was empty" sh -c '[ ! -e /var/lib/portcullis ] || [ -n "$(ls -A /var/lib/portcullis)" ]'
expect "nothing else is left" sh -c '! find / -xdev -path /proc -prune -o -name "*portcullis*" -print |
  grep -v -e "^/portcullis.deb$" -e "^/etc/portcullis" -e "^/proc$" | grep -q .'
echo "==> $package is installed and removed cleanly"

#!/usr/bin/env bash
# Makes the packages of a release in target/dist: a tar and a Debian package, a list of everything that
# was compiled into the program (CycloneDX), and the SHA-256 of each.
#
#   scripts/dist.sh      after `cargo build --release`; `make dist` does both
#
# Nothing but the C library and libgcc_s of the system is linked at run time, so packages run on every
# distribution that is not older than the one they were made on.
set -euo pipefail
cd "$(dirname "$0")/.."

program=target/release/portcullis
dist=target/dist
files=$dist/files
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
name=portcullis-$version-linux-$(uname -m)
# The same sources give the same bytes.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

fail() {
  echo "dist: $*" >&2
  exit 1
}

[[ -x $program ]] || fail "$program is not there; run \`make dist\`"
[[ $("$program" --version) == "portcullis $version" ]] ||
  fail "$program is not version $version: $("$program" --version)"
[[ -z $(git status --porcelain) ]] || fail "there are uncommitted changes; commit them first"
foreign=$(ldd "$program" | grep -vE 'linux-vdso|ld-linux|lib(c|m|gcc_s)\.so' || true)
[[ -z $foreign ]] || fail "the program needs libraries that other systems may not have: $foreign"
scripts/tools.sh cyclonedx deb

rm -rf "$dist"
mkdir -p "$files"/{man,completions,systemd}
strip -o "$files/portcullis" "$program"
"$files/portcullis" man "$files/man" >/dev/null
gzip -9n "$files"/man/*.1
"$files/portcullis" completions bash >"$files/completions/portcullis.bash"
"$files/portcullis" completions zsh >"$files/completions/_portcullis"
"$files/portcullis" completions fish >"$files/completions/portcullis.fish"
for unit in config/systemd/*; do
  # Programs that are installed by hand are in /usr/local.
  sed 's|/usr/local/bin/|/usr/bin/|' "$unit" >"$files/systemd/${unit##*/}"
done

echo "==> components"
# It writes a file beside each manifest.
mkdir "$dist/source"
git archive HEAD | tar -x -C "$dist/source"
target/tools/bin/cargo-cyclonedx cyclonedx --quiet --format json --describe binaries \
  --target x86_64-unknown-linux-gnu --manifest-path "$dist/source/Cargo.toml"
# Without the folder that it was made in.
sed "s|file://$PWD/$dist/source|file:///portcullis|" "$dist/source/portcullis_bin.cdx.json" \
  >"$files/portcullis.cdx.json"
rm -r "$dist/source"

echo "==> $name.tar.gz"
mkdir "$dist/$name"
cp -r "$files"/* LICENSE README.md CHANGELOG.md docs policies "$dist/$name"
mkdir "$dist/$name/config"
cp -r config/portcullis.toml config/examples config/systemd "$dist/$name/config"
rm -r "$dist/$name/systemd"
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
  -C "$dist" -c "$name" | gzip -9n >"$dist/$name.tar.gz"
rm -r "${dist:?}/$name"

echo "==> Debian package"
target/tools/bin/cargo-deb deb --no-build --no-strip --quiet --compress-system --output "$dist/"
cp "$files/portcullis.cdx.json" "$dist/portcullis-$version.cdx.json"
rm -r "$files"
(cd "$dist" && sha256sum -- * >SHA256SUMS && cat SHA256SUMS)

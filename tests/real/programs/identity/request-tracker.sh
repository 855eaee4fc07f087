#!/usr/bin/env bash
# Starts Request Tracker (Debian's `request-tracker5`, `rt5-db-sqlite` and `starman`) on a new SQLite
# database.
#
#   request-tracker.sh 127.0.0.1:9100 /some/folder
#
# `rt.psgi` and `identity.pm`, the settings about users, are in the folder already.
set -euo pipefail

folder=$(cd "$2" && pwd)
mkdir -p "$folder"/{conf.d,mason,session}
cat >"$folder/RT_SiteConfig.pm" <<PERL
Set(\$rtname, 'portal.test');
Set(\$Organization, 'portal.test');
Set(\$WebDomain, 'portal.test');
Set(\$WebPort, 80);
Set(\$DatabaseType, 'SQLite');
Set(\$DatabaseName, '$folder/rt.db');
Set(\$LogToSyslog, undef);
Set(\$LogToSTDERR, 'warning');
\$RT::MasonDataDir = '$folder/mason';
\$RT::MasonSessionDir = '$folder/session';
PERL
cat "$folder/identity.pm" >>"$folder/RT_SiteConfig.pm"
echo '1;' >>"$folder/RT_SiteConfig.pm"
export RT_SITE_CONFIG=$folder/RT_SiteConfig.pm RT_SITE_CONFIG_DIR=$folder/conf.d
rt=$(command -v rt-setup-database-5 || echo /usr/sbin/rt-setup-database-5)
"$rt" --action init --skip-create
exec starman --listen "$1" --workers 2 --preload-app "$folder/rt.psgi"

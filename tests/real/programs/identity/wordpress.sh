#!/usr/bin/env bash
# Starts WordPress (Debian's `wordpress`) on PHP's own server, with a database of its own
# (`mariadb-server-core`) that listens on a socket in the folder only.
#
#   wordpress.sh 127.0.0.1:9100 /some/folder
#
# `gateway.php`, the must-use plugin, is in the folder already. The first user is `operator`, password
# `operator-password`.
set -euo pipefail

folder=$(cd "$2" && pwd)
mariadbd=$(command -v mariadbd || echo /usr/sbin/mariadbd)
mariadb-install-db --no-defaults --datadir="$folder/db" --skip-test-db --user="$(id -un)" \
  --auth-root-authentication-method=normal >"$folder/install.log"
"$mariadbd" --no-defaults --user="$(id -un)" --datadir="$folder/db" --socket="$folder/db.sock" \
  --skip-networking &
cp -r /usr/share/wordpress "$folder/site"
mkdir -p "$folder/site/wp-content/mu-plugins"
cp "$folder/gateway.php" "$folder/site/wp-content/mu-plugins/"
rm -f "$folder/site/wp-config.php"
cat >"$folder/site/wp-config.php" <<PHP
<?php
define('DB_NAME', 'portal');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:$folder/db.sock');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('WP_HOME', 'http://portal.test');
define('WP_SITEURL', 'http://portal.test');
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
\$table_prefix = 'wp_';
defined('ABSPATH') || define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
PHP
cat >"$folder/install.php" <<'PHP'
<?php
[, $folder] = $argv;
for ($tries = 0; ; $tries++) {
    try {
        (new mysqli('localhost', 'root', '', '', 0, "$folder/db.sock"))->query('CREATE DATABASE portal');
        break;
    } catch (mysqli_sql_exception $error) {
        $tries < 300 || throw $error;
        usleep(100_000);
    }
}
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = 'portal.test';
require "$folder/site/wp-load.php";
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Portal', 'operator', 'operator@portal.test', true, '', 'operator-password');
PHP
php "$folder/install.php" "$folder"
exec php -S "$1" -t "$folder/site"

#!/usr/bin/env bash
# Starts DokuWiki (Debian's package `dokuwiki`) for a test, with settings and pages of its own.
#
#   scripts/dokuwiki.sh 127.0.0.1:9100 /some/new/folder
#
# The folder is filled at the first start: `conf/`, `data/`, and a page `start`. Nothing outside it
# is written. It runs in the foreground (PHP's own server takes this process's place); it serves once
# the address answers.
#
# Everyone may read, edit and upload here without a sign-in. The gateway decides who may.
set -euo pipefail

wiki=${DOKUWIKI:-/usr/share/dokuwiki}
settings=${DOKUWIKI_CONF:-/etc/dokuwiki}
(($# == 2)) || {
  echo "usage: $0 ADDRESS:PORT FOLDER" >&2
  exit 2
}
address=$1
[[ -f $wiki/doku.php ]] || {
  echo "$wiki/doku.php not found: install the package dokuwiki (make setup)" >&2
  exit 1
}
mkdir -p "$2"
folder=$(cd "$2" && pwd)

if [[ ! -d $folder/conf ]]; then
  mkdir -p "$folder/conf" "$folder"/data/{attic,cache,index,locks,log,media,media_attic,media_meta,meta,pages,tmp}
  for file in "$settings"/*; do
    # Users and access rules are ours; everything else is the distribution's.
    case ${file##*/} in
      *.auth.php* | local.php | apache.conf | lighttpd.conf | htaccess | preload.php) ;;
      *) [[ ! -f $file ]] || cp "$file" "$folder/conf/" ;;
    esac
  done
  cat >"$folder/conf/local.php" <<PHP
<?php
\$conf['title'] = 'Wiki behind the gateway';
\$conf['savedir'] = '$folder/data';
\$conf['useacl'] = 1;
\$conf['authtype'] = 'authplain';
\$conf['superuser'] = '!!not set!!';
\$conf['disableactions'] = 'admin,login,logout,register,resendpwd,profile,profile_delete,check,subscribe,media';
\$conf['updatecheck'] = 0;
\$conf['remote'] = 0;
\$conf['send404'] = 1;
PHP
  # No users, and so no sign-in to the wiki itself. 8 = read, edit, create and upload.
  printf '# <?php exit()?>\n' >"$folder/conf/users.auth.php"
  printf '# <?php exit()?>\n*\t@ALL\t8\n' >"$folder/conf/acl.auth.php"
  printf '====== Welcome ======\n\nA page of the wiki.\n' >"$folder/data/pages/start.txt"
fi

# Read before each request: the settings of this folder, and not those of the machine.
printf "<?php\ndefine('DOKU_CONF', '%s/conf/');\n" "$folder" >"$folder/prepend.php"

cd "$wiki"
exec php -d display_errors=0 -d log_errors=0 -d request_order=GP -d "session.save_path=$folder/data/tmp" \
  -d "auto_prepend_file=$folder/prepend.php" -S "$address" -t "$wiki"

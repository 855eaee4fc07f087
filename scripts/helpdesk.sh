#!/usr/bin/env bash
# Starts django-helpdesk for a test, with a database of its own.
#
#   scripts/helpdesk.sh 127.0.0.1:9100 /some/new/folder
#
# Nothing outside the folder is written. It runs in the foreground (gunicorn takes this process's
# place); it serves once the address answers. `access.log` in the folder has a line for each request.
#
# It trusts the gateway's identity headers: tests/real/programs/helpdesk/identity.py.
set -euo pipefail

(($# == 2)) || {
  echo "usage: $0 ADDRESS:PORT FOLDER" >&2
  exit 2
}
project=$(cd "$(dirname "$0")/.." && pwd)
installed=$project/target/programs/helpdesk
[[ -d $installed/new ]] || {
  echo "$installed not found: run scripts/programs.sh helpdesk (make setup)" >&2
  exit 1
}
mkdir -p "$2"
folder=$(cd "$2" && pwd)
[[ -e $folder/helpdesk.sqlite3 ]] || cp "$installed/new/helpdesk.sqlite3" "$folder/"

export PYTHONPATH=$installed/python:$project/tests/real/programs/helpdesk PYTHONDONTWRITEBYTECODE=1
export DJANGO_SETTINGS_MODULE=settings HELPDESK_FOLDER=$folder
exec python3 -m gunicorn --bind "$1" --threads 4 --worker-tmp-dir "$folder" \
  --access-logfile "$folder/access.log" \
  --access-logformat '%({portcullis-request-id}i)s %(m)s %(U)s?%(q)s' wsgi:application

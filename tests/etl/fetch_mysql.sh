#!/bin/sh
# fetch_mysql.sh DIRECTORY: MySQL's server with every library it needs, from Debian unstable, into a directory.
# Debian's releases carry MariaDB in its place, and unstable's packages cannot be installed beside them: so nothing is
# installed, and tests/etl/servers.py starts the server with the libraries of this directory.
set -eu
mkdir -p "$1/apt/lists/partial" "$1/apt/archives/partial" "$1/unpacked"
directory=$(cd "$1" && pwd)
touch "$directory/apt/status"
# The mirror that this machine installs its own packages from.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$directory/apt/sources.list"
apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$directory/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State="$directory/apt" -o Dir::State::status="$directory/apt/status" \
        -o Dir::Cache="$directory/apt" -o APT::Sandbox::User=root "$@"
}
apt update
apt -y --download-only --no-install-recommends install mysql-server-core
for package in "$directory"/apt/archives/*.deb; do dpkg-deb -x "$package" "$directory/unpacked"; done
mv "$directory/unpacked" "$directory/root"
rm -rf "$directory/apt"

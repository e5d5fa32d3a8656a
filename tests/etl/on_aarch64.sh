#!/bin/bash
# on_aarch64.sh DIRECTORY [PYTEST ARGUMENT…]: the container's command as aarch64, by emulation, in the tests of types.
# Needs Debian's gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user-static. Into DIRECTORY go Debian's Python
# for arm64 and the wheels of etl/requirements.txt for aarch64; the native decoder is compiled across.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$here/../..
mkdir -p "$1/apt/lists/partial" "$1/apt/archives/partial" "$1/root" "$1/wheels" "$1/site" "$1/app"
directory=$(cd "$1" && pwd)
shift

apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$directory/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State="$directory/apt" -o Dir::State::status="$directory/apt/status" \
        -o Dir::Cache="$directory/apt" -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
        -o APT::Sandbox::User=root "$@"
}

if [ ! -e "$directory/root/usr/bin/python3.11" ]; then
    # The mirror that this machine installs its own packages from.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
    echo "deb $mirror bookworm main" >"$directory/apt/sources.list"
    touch "$directory/apt/status"
    apt update
    apt -y --download-only --no-install-recommends install python3 libstdc++6
    for package in "$directory"/apt/archives/*.deb; do dpkg-deb -x "$package" "$directory/root"; done
fi
"$project/.venv/bin/uv" pip install --quiet --target "$directory/site" --python-platform aarch64-manylinux_2_28 \
    --python-version 3.11 --only-binary :all: -r "$project/etl/requirements.txt"
cp -r "$project/etl/hybrid_etl" "$directory/app/"
CC=aarch64-linux-gnu-gcc PYTHONPATH="$directory/app" python3 -m hybrid_etl.native.build

export HYBRID_TEST_INTERPRETER="qemu-aarch64-static -L $directory/root $directory/root/usr/bin/python3.11"
export HYBRID_TEST_PYTHON_PATH="$directory/app:$directory/site"
cd "$project"
exec .hybrid/envs/etl/bin/python -m pytest "${@:-tests/etl/test_types_postgresql.py}"

#!/bin/sh
# Installs what the words of the Makefile need: scripts/setup.sh build | test | bench | original | lint | browser | fresh …
# Debian packages are installed only when missing, so a second run needs neither network nor root; Python's go to
# build/venv, of `bench` and `original` to folders of their own. DAYFLY_SETUP=skip trusts the machine as it is.
set -eu
cd "$(dirname "$0")/.."

# libstdc++ is for snappy, which is C++ behind a C interface.
build_packages="gcc libc6-dev libstdc++-12-dev cmake ninja-build pkg-config
    libevent-dev libhttp-parser-dev libssl-dev libexpat1-dev libyajl-dev libxxhash-dev libsnappy-dev libdeflate-dev libbrotli-dev
    libzstd-dev zlib1g-dev liblz4-dev libpcre2-dev libsqlite3-dev libyaml-dev"
python_packages="python3 python3-venv"
test_packages="libcmocka-dev $python_packages"
lint_packages="clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev"
# Half a gigabyte: for `make test-all` only. Without a font a browser draws nothing.
browser_packages="chromium fonts-dejavu-core"
fresh_packages="debootstrap git"
uv_version=0.13.9

say() {
    echo "setup: $*" >&2
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "these are missing and only root may install them (no sudo here): $missing"
        exit 1
    fi
}

install_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "this machine is no Debian; install the equivalents of these Debian 12 packages:" $*
        say "then run again with DAYFLY_SETUP=skip"
        exit 1
    fi
    installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' $* 2>/dev/null | sed -n 's/^ii *//p' | tr '\n' ' ')"
    missing=
    for package in $*; do
        case $installed in
        *" $package "*) ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    say "installing$missing"
    as_root apt-get update -qq || say "apt-get update failed; trying with the lists that are here"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null || {
        say "could not install:$missing"
        exit 1
    }
}

# install_python FOLDER REQUIREMENTS: a venv of its own; what was installed is kept beside it and compared.
install_python() {
    venv=$1 requirements=$2
    if [ -f "$venv/requirements.txt" ] && cmp -s "$requirements" "$venv/requirements.txt"; then
        return 0
    fi
    say "Python packages into $venv"
    rm -rf "$venv"
    mkdir -p build
    python=/usr/bin/python3 # Debian's, whatever else PATH has
    [ -x $python ] || python=python3
    $python -m venv "$venv" || return 1
    # uv takes seconds where pip takes a minute; it reads no settings of pip, so one is passed on, and pip is the way out.
    if [ -n "${PIP_INDEX_URL:-}" ] && [ -z "${UV_DEFAULT_INDEX:-}" ]; then
        export UV_DEFAULT_INDEX="$PIP_INDEX_URL"
    fi
    if ! { "$venv/bin/pip" install -q "uv==$uv_version" &&
        "$venv/bin/uv" pip install -q --python "$venv/bin/python" -r "$requirements"; }; then
        say "uv failed, trying pip"
        "$venv/bin/pip" install -q -r "$requirements" || return 1
    fi
    cp "$requirements" "$venv/requirements.txt"
}

[ "${DAYFLY_SETUP:-}" = skip ] && skip=1 || skip=
packages=
python_wanted=
bench_wanted=
original_wanted=
for what in "$@"; do
    case $what in
    build) packages="$packages $build_packages" ;;
    test) packages="$packages $test_packages" python_wanted=1 ;;
    bench) packages="$packages $python_packages" bench_wanted=1 ;;
    original) packages="$packages $python_packages" original_wanted=1 ;;
    lint) packages="$packages $lint_packages" ;;
    browser) packages="$packages $browser_packages" ;;
    fresh) packages="$packages $fresh_packages" ;;
    *)
        say "unknown: $what (known: build test bench original lint browser fresh)"
        exit 2
        ;;
    esac
done
[ -n "$skip" ] || install_packages $packages
[ -z "$python_wanted" ] || install_python build/venv tests/requirements.txt
[ -z "$bench_wanted" ] || install_python build/bench-venv bench/requirements.txt
# Its packages are those of years ago: where they cannot be had, the bench says that it was not measured.
[ -z "$original_wanted" ] || install_python build/bench-original bench/original.txt || say "could not install the original Funnel Rocket"

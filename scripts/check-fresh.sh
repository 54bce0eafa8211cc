#!/bin/bash
# `make check-fresh`: README's first steps on an empty Debian 12, with the last commit, in a chroot made by debootstrap.
# Prints the times and fails when `make demo` takes 4 minutes or `make test` 8. Needs root, for the chroot only.
#
# The machine's own settings of apt, pip and certificates are copied into the chroot, so that it works behind the same
# mirrors. All mounts live in a mount namespace of this process, so nothing can stay mounted, whatever ends it.
set -euo pipefail
cd "$(dirname "$0")/.."
demo_limit_s=240
test_limit_s=480

if [ "$(id -u)" != 0 ]; then
    echo "check-fresh: needs root, for debootstrap and chroot: sudo make check-fresh" >&2
    exit 1
fi
scripts/setup.sh fresh
if [ -z "${CHECK_FRESH_INSIDE:-}" ]; then
    CHECK_FRESH_INSIDE=1 exec unshare --mount --propagation private -- "$0" "$@"
fi

if ! git diff --quiet HEAD; then
    echo "check-fresh: changes that are not committed are not checked" >&2
fi
mkdir -p build
root=$(mktemp -d "${TMPDIR:-$PWD/build}/fresh.XXXXXX")
chmod 755 "$root" # apt fetches as a user of its own
clean_up() {
    umount "$root/proc" "$root/dev/pts" 2>/dev/null || true
    rm -rf --one-file-system "$root"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -oE 'https?://[^ ]*/debian/?( |$)' | head -n 1 || true)
echo "== an empty Debian 12"
debootstrap --variant=minbase bookworm "$root" ${mirror:-} >build/debootstrap.log 2>&1 || {
    tail -n 20 build/debootstrap.log >&2
    exit 1
}
mount -t proc proc "$root/proc"
mount -t devpts devpts "$root/dev/pts" 2>/dev/null || true # apt's log wants one, and can do without

copy_settings() {
    cp /etc/resolv.conf "$root/etc/"
    cp /etc/hosts "$root/etc/"
    local file
    rm -f "$root/etc/apt/sources.list" # debootstrap's; the next lines say the same and more
    # Sources of Debian itself only: others may want keys or packages that an empty machine does not have.
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        if [ -f "$file" ] && grep -q 'debian' "$file" && grep -q 'bookworm' "$file"; then
            mkdir -p "$root$(dirname "$file")"
            cp "$file" "$root$file"
        fi
    done
    # Of apt's settings those of the way to the mirror, and the login for it.
    grep -hE '^ *(Acquire::|# *proxy)' /etc/apt/apt.conf /etc/apt/apt.conf.d/* 2>/dev/null |
        grep -vE 'GzipIndexes|Languages' >"$root/etc/apt/apt.conf.d/99host" || true
    for file in /etc/apt/auth.conf /etc/apt/auth.conf.d /etc/apt/keyrings /etc/pip.conf /etc/uv "$HOME/.config/pip" \
        "$HOME/.config/uv" "$HOME/.pip"; do
        if [ -e "$file" ]; then
            mkdir -p "$root$(dirname "$file")"
            cp -r "$file" "$root$file"
        fi
    done
}
copy_settings

# Only what says how to reach the world comes along; the rest of this machine's environment is not there.
environment=(PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$HOME" LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
while IFS= read -r variable; do
    environment+=("$variable")
done < <(env | grep -iE '^(PIP_(INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|DEFAULT_TIMEOUT|CERT)|UV_[A-Z_]*|[a-z]*_proxy|SSL_CERT_FILE|REQUESTS_CA_BUNDLE)=' || true)
inside() {
    chroot "$root" /usr/bin/env -i "${environment[@]}" "$@"
}

echo "== git, make, ca-certificates: what README asks for"
inside sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends git make ca-certificates' \
    >build/check-fresh-apt.log 2>&1 || {
    tail -n 20 build/check-fresh-apt.log >&2
    exit 1
}
# Authorities that this machine trusts beside Debian's, a proxy's for example.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
git clone --quiet --no-hardlinks "file://$PWD" "$root/root/dayfly"
git -C "$root/root/dayfly" checkout --quiet --detach "$(git rev-parse HEAD)"

timed() {
    local limit_s=$1 started=$SECONDS
    shift
    echo "== $*"
    inside sh -c "cd /root/dayfly && exec $*" </dev/null
    local taken_s=$((SECONDS - started))
    echo "== $*: $taken_s s (limit $limit_s s)"
    [ $taken_s -lt "$limit_s" ] || {
        echo "check-fresh: $* took too long" >&2
        return 1
    }
}
timed $demo_limit_s make demo
timed $demo_limit_s make demo
timed $test_limit_s make test
echo "check-fresh: passed"

#!/bin/sh
# `make demo`: data once into build/demo, then one funnel over it.
set -eu
cd "$(dirname "$0")/.."
dayfly=build/release/dayfly

# Generated aside and renamed, so that a broken-off run leaves no half data set behind.
if [ ! -d build/demo ]; then
    echo "Making 1,000,000 shoppers (2.5 million events) in build/demo …"
    rm -rf build/demo.part
    $dayfly generate retail -o build/demo.part --users 1000000 --parts 8 >/dev/null
    mv build/demo.part build/demo
fi

show() {
    printf '\n$ %s\n' "$1"
    sh -c "$1"
}
show "$dayfly funnel build/demo --user visitorid --time timestamp \\
    --step \"event = 'view'\" --step \"event = 'addtocart'\" --step \"event = 'transaction'\""
cat <<END

To try next:
  $dayfly funnel build/demo --user visitorid --time timestamp --step "event = 'view'" --step "price >= 50"
  $dayfly funnel build/demo --user visitorid --time timestamp --step "event = 'view'" --step "event = 'view'" -o json
  $dayfly funnel --help
END

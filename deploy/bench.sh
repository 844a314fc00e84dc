#!/bin/sh
# `npm run bench [-- --json]`: brings what is missing, then measures.
set -eu
cd "$(dirname "$0")/.."
. deploy/set-up.sh

sh deploy/install-packages.sh --fake
install_node_packages
find_node

exec "$node" test/bench/main.ts "$@"

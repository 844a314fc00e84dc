#!/bin/sh
# `npm test [-- what vitest understands]`: brings what is missing, checks types and style, runs the tests.
set -eu
cd "$(dirname "$0")/.."
. deploy/set-up.sh

sh deploy/install-packages.sh --with-tests
install_node_packages
find_node

"$node" node_modules/typescript/bin/tsc -p .
# With CI set it colours what goes into a file as well.
[ -t 1 ] && colours=force || colours=off
"$node" node_modules/@biomejs/biome/bin/biome ci --colors=$colours .
exec "$node" node_modules/vitest/vitest.mjs run "$@"

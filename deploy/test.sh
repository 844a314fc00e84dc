#!/bin/sh
# `npm test [-- what vitest understands]`: brings what is missing, checks types and style, runs the tests.
set -eu
cd "$(dirname "$0")/.."
. deploy/set-up.sh

sh deploy/install-packages.sh --with-tests
install_node_packages
find_node

"$node" node_modules/typescript/bin/tsc -p .
"$node" node_modules/@biomejs/biome/bin/biome ci .
exec "$node" node_modules/vitest/vitest.mjs run "$@"

#!/bin/sh
# `npm run soak [-- --minutes N …]`: brings what is missing, then soaks.
set -eu
cd "$(dirname "$0")/.."
. deploy/set-up.sh

# What the set-up says goes beside the report: with --json programs read the output.
{
  sh deploy/install-packages.sh --with-tests
  install_node_packages
  find_node
} >&2

exec "$node" test/soak/main.ts "$@"

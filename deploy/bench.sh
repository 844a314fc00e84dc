#!/bin/sh
# `npm run bench [-- --json]`: brings what is missing, then measures.
set -eu
cd "$(dirname "$0")/.."
. deploy/set-up.sh

# What the set-up says goes beside the figures: with --json programs read the output.
{
  sh deploy/install-packages.sh --fake
  install_node_packages
  find_node
} >&2

exec "$node" test/bench/main.ts "$@"

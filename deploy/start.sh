#!/bin/sh
# `npm start`: brings what is missing, then runs nats-server, tgtd, the scheduler and four agents until Ctrl-C.
set -eu
cd "$(dirname "$0")/.."
. deploy/set-up.sh

packages=
for option in "$@"; do
  case $option in
    --fake) packages=--fake ;;
    --help | -h | --version) packages=none ;;
  esac
done
[ "$packages" = none ] || sh deploy/install-packages.sh $packages
install_node_packages
find_node

# When npm is killed, the launcher is to know and to end what it started.
if [ -n "${npm_lifecycle_event:-}" ] && command -v setpriv >/dev/null 2>&1; then
  exec setpriv --pdeathsig TERM -- "$node" deploy/dev/main.ts "$@"
fi
exec "$node" deploy/dev/main.ts "$@"

# Read by start.sh, test.sh and bench.sh, from the project's folder: brings what is missing and sets $node to a
# Node.js that runs the project. Nothing is done, and nothing said, when all is there.

# Whether node_modules is what package-lock.json asks for: this script's copy of it says so, or npm's own record.
node_modules_are_current() {
  [ -d node_modules ] || return 1
  cmp -s package-lock.json node_modules/.installed-package-lock.json && return 0
  [ node_modules/.package-lock.json -nt package-lock.json ]
}

install_node_packages() {
  node_modules_are_current && return 0
  if ! command -v npm >/dev/null 2>&1; then
    echo "Berth needs npm, and there is none here: install Node.js with npm, then run this again." >&2
    exit 1
  fi
  echo "Installing Node.js packages into node_modules, Node 24 itself among them (once; under a minute)"
  # No package's own script runs, and none needs to. Messages below errors are about the Node that npm itself runs on.
  npm ci --ignore-scripts --no-audit --no-fund --include=dev --include=optional --loglevel=error >/dev/null || {
    echo "npm ci could not install the Node.js packages; its own words are above." >&2
    exit 1
  }
  cp package-lock.json node_modules/.installed-package-lock.json
}

runs_typescript() {
  case $("$1" --version 2>/dev/null) in
    v2[4-9].* | v[3-9][0-9].*) return 0 ;;
    *) return 1 ;;
  esac
}

# The Node that came as a package; npm has none for some systems (macOS, musl), then the system's own if it is new enough.
find_node() {
  for node in "$PWD/node_modules/.bin/node" "$(command -v node || true)"; do
    [ -n "$node" ] && runs_typescript "$node" && return 0
  done
  own=none
  [ -z "$node" ] || own=$("$node" --version 2>/dev/null || echo unusable)
  echo "Berth needs Node 24 or newer: no package brought one for this system ($(uname -s) $(uname -m)), and its own Node is ${own}; install Node 24, then run this again." >&2
  exit 1
}

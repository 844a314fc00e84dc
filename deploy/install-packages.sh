#!/bin/sh
# Installs the Debian packages that Berth runs on, those that are missing, and says what each is for.
#
#   sh deploy/install-packages.sh                 what `npm start` needs
#   sh deploy/install-packages.sh --fake          what `npm start -- --fake` needs
#   sh deploy/install-packages.sh --with-tests    what `npm test` needs
#
# Silent when nothing is missing. Services of packages that are installed here stay off, for Berth runs its own
# daemons on its own ports; services that were there before are left as they are.
set -eu

scope=start
for option in "$@"; do
  case $option in
    --fake) scope=fake ;;
    --with-tests) scope=tests ;;
    *) echo "install-packages.sh: unknown option $option (known: --fake, --with-tests)" >&2; exit 2 ;;
  esac
done

# Who is not root often has no sbin in PATH, where daemons are.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# package | from which scope on | the program, or the file, that shows that it is there | what it is for
packages='
nats-server             | fake  | nats-server                    | carries jobs, results and reports between the scheduler and the agents
tgt                     | start | tgtd                           | iSCSI target: hosts reach volumes through it
qemu-utils              | start | qemu-img                       | makes, copies and grows the image files behind volumes
qemu-block-extra        | start | /usr/lib/*/qemu/block-iscsi.so | lets agents copy a volume over iSCSI
libiscsi-bin            | tests | iscsi-inq                      | iSCSI initiator tools that look at a volume from outside
awscli                  | tests | aws                            | the aws command, to which the EC2 API is held
python3-cinderclient    | tests | /usr/bin/cinder                | the cinder command, to which the OpenStack API is held
python3-openstackclient | tests | /usr/bin/openstack             | the openstack command, to which the OpenStack API is held
openssh-server          | tests | sshd                           | the SSH that most appliances have, to hold our side of it to
python3-keystone        | tests | keystone-manage                | Keystone itself, as a library and no service, for tokens as it makes them
'

in_scope() {
  case $scope:$1 in
    tests:* | start:start | *:fake) return 0 ;;
    *) return 1 ;;
  esac
}

is_there() {
  case $1 in
    /*) set -- $1; [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

missing=
reasons=
proofs=
while IFS='|' read -r package from proof purpose; do
  # Unquoted on purpose: drops the blanks that align the table.
  set -f; set -- $package $from $proof; set +f
  [ $# -eq 3 ] || continue
  in_scope "$2" || continue
  is_there "$3" && continue
  missing="$missing $1"
  proofs="$proofs, $3"
  reasons="$reasons
  $1:$purpose"
done <<END
$packages
END
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "Berth needs ${proofs#, } and this system has no apt-get: install them with its own package manager (Debian's names:$missing), then run this again." >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "Berth needs the Debian packages$missing, and installing them takes root: run 'apt-get install$missing' as root, then run this again." >&2
    exit 1
  fi
  echo "Installing Debian packages takes root, so sudo may ask for your password."
  exec sudo sh "$0" "$@"
fi

echo "Installing Debian packages (once; about a minute):$reasons"

# Debian starts a package's services at its installation unless this file says no (101).
policy=/usr/sbin/policy-rc.d
output=$(mktemp)
made_policy=
tidy() {
  rm -f "$output"
  [ -z "$made_policy" ] || rm -f "$policy"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ ! -e "$policy" ]; then
  made_policy=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -q "$@" >"$output" 2>&1 </dev/null
}
known() {
  for package in $missing; do
    apt-cache policy "$package" | grep -q '^  Candidate: [^(]' || return 1
  done
}
install() {
  # Unquoted on purpose: one word a package.
  apt install -y --no-install-recommends $missing
}

# Lists that are absent or old are the usual reason for a failure, so it is tried again with new ones.
if ! { known && install; } && ! { apt update && install; }; then
  tail -n 15 "$output" >&2
  echo "apt-get could not install$missing; its last words are above." >&2
  exit 1
fi

# They would take Berth's ports at the next boot.
if [ -d /run/systemd/system ]; then
  for package in $missing; do
    case $package in
      nats-server | tgt) systemctl disable --quiet --now "$package.service" 2>/dev/null || true ;;
    esac
  done
fi
echo "Installed. The services of these packages stay off: Berth runs its own."

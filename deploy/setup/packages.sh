# Debian packages: which are missing, may they be installed, install them without starting their services.

service_policy=/usr/sbin/policy-rc.d
service_policy_aside=/usr/sbin/policy-rc.d.before-tagwarden
service_policy_mark='# made by the set-up of Tagwarden, for as long as it installs packages'

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ "${#missing[@]}" -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "apt-get is missing: this needs Debian 12, or these packages: ${missing[*]}"
  become_root "${missing[@]}"
  say "To be installed from Debian, without starting any service:"
  for package in "${missing[@]}"; do
    awk -v package="$package" '$1 == package { name = $1; $1 = $2 = ""; printf "  %-18s %s\n", name, $0 }' \
      deploy/setup/packages.txt
  done
  ask_to_go_on
  plan "${missing[@]}"
  trap restore_services EXIT
  hold_services
  apt_install "${missing[@]}" || {
    counted "Refreshing package lists" 0 '^$' "${root[@]}" apt-get update
    apt_install "${missing[@]}"
  }
  restore_services
  trap - EXIT
  changed=1
  if [ -d /run/systemd/system ]; then
    say "Their services were not started, but are enabled for the next boot. To prevent that:"
    say "  systemctl disable docker docker-registry containerd"
  fi
}

# missing_packages: one a line. python3-venv is needed only where no Python at hand can make an environment.
missing_packages() {
  local package rest
  while read -r package rest; do
    case $package in '' | '#'*) continue ;; esac
    [ "$package" = python3-venv ] && find_python >/dev/null && continue
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
  done <deploy/setup/packages.txt
}

become_root() {
  root=()
  [ "$(id -u)" -eq 0 ] && return
  command -v sudo >/dev/null || die "run as root: apt-get install --no-install-recommends $*"
  root=(sudo)
  sudo true
}

ask_to_go_on() {
  [ "${YES:-}" = 1 ] || [ ! -t 0 ] && return
  local answer
  read -r -p "Install them? [Y/n] " answer
  case $answer in '' | y | Y | yes) ;; *) die "nothing was installed; YES=1 does not ask" ;; esac
}

# plan PACKAGE...: refresh the lists if they do not know a package, and refuse to remove anything.
plan() {
  local planned
  planned=$(apt-get -s install --no-install-recommends "$@" 2>>"$log") || {
    counted "Refreshing package lists" 0 '^$' "${root[@]}" apt-get update
    planned=$(apt-get -s install --no-install-recommends "$@" 2>&1) || die "apt-get cannot install them: $planned"
  }
  if grep -q '^Remv' <<<"$planned"; then
    die "apt-get would remove other packages first, which is yours to decide:
$(grep '^Remv' <<<"$planned")"
  fi
  # Each package is downloaded, unpacked and configured.
  steps=$((3 * $(grep -c '^Inst' <<<"$planned")))
}

apt_install() {
  counted "Installing packages" "$steps" '^(Get:|Unpacking|Setting up)' "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

# hold_services: packages ask policy-rc.d whether they may start their services; 101 says no.
hold_services() {
  if [ -e "$service_policy" ] && ! grep -qF "$service_policy_mark" "$service_policy"; then
    local answer=0
    "$service_policy" docker start >/dev/null 2>&1 || answer=$?
    [ "$answer" -ne 101 ] || return 0
    "${root[@]}" mv "$service_policy" "$service_policy_aside"
  fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$service_policy_mark" | "${root[@]}" tee "$service_policy" >/dev/null
  "${root[@]}" chmod 755 "$service_policy"
}

restore_services() {
  grep -qsF "$service_policy_mark" "$service_policy" || return 0
  "${root[@]}" rm "$service_policy"
  [ ! -e "$service_policy_aside" ] || "${root[@]}" mv "$service_policy_aside" "$service_policy"
}

# The virtual environment: exactly what requirements-dev.lock says, and the project itself.

# find_python: print a Python 3.11 that can make virtual environments.
find_python() {
  local candidate
  for candidate in python3.11 python3 /usr/bin/python3.11; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

make_venv() {
  local python stamp=.venv/set-up
  if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted)" ] && .venv/bin/python -c 'import proxy' 2>>"$log"; then
    return
  fi
  if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    python=$(find_python) || die "Python 3.11 is missing: apt-get install python3-venv"
    say "Making .venv with $python"
    "$python" -m venv --clear .venv >>"$log" 2>&1
  fi
  rm -f "$stamp"
  counted "Installing Python packages" "$(grep -c '==' requirements-dev.lock)" '^(Collecting|Requirement already)' \
    .venv/bin/python -m pip install --disable-pip-version-check --no-input --no-deps --require-hashes -r requirements-dev.lock
  # Built with what the lock has just installed: nothing unverified is downloaded for it.
  counted "Installing the project" 1 '^Successfully' \
    .venv/bin/python -m pip install --disable-pip-version-check --no-input --no-deps --no-build-isolation --editable .
  .venv/bin/python -m pip check >>"$log" 2>&1 ||
    die "requirements-dev.lock does not fit pyproject.toml (see $log): run \`make lock\` and set up again"
  wanted >"$stamp"
  changed=1
}

# wanted: what the environment depends on; it also knows the place it was made in.
wanted() {
  pwd
  sha256sum requirements-dev.lock pyproject.toml
}

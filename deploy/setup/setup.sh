#!/usr/bin/env bash
# Makes a Debian 12 machine ready for `make test` and `make demo`; does nothing where nothing is missing.
# YES=1 asks no question; neither does a run without a terminal on standard input.
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p .state
log=.state/setup.log
: >"$log"
changed=

. deploy/setup/progress.sh
. deploy/setup/packages.sh
. deploy/setup/venv.sh

install_packages
make_venv
if [ -n "$changed" ]; then
  .venv/bin/python -m deploy.setup
else
  echo "Set up already: Debian packages and .venv are as the project wants them."
fi

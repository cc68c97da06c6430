"""Makes a machine ready: `setup.sh` installs, this package looks whether everything runs."""

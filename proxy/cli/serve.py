"""`tagwarden serve`: runs the proxy."""

from proxy.cli.options import DEFAULT_CONFIG, ConfigFile, read_settings


def serve(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the proxy until SIGTERM or Ctrl-C."""
    from proxy.server import run

    run(read_settings(config))

"""Runs the proxy: listens, serves until told to stop, drains (design: Command line, `serve`)."""

import uvloop

from proxy import telemetry
from proxy.server.alone import serve
from proxy.server.cores import one_a_core
from proxy.server.garbage import settle
from proxy.server.reloading import Configuration, Read
from proxy.server.signals import survive_hangups
from proxy.server.supervisor import supervise
from proxy.telemetry import traces

__all__ = ["run"]


def run(read: Read) -> None:
    """Serve what `read` says until SIGTERM or SIGINT. Raises `UserError` for what keeps it from starting."""
    survive_hangups()
    settle()
    configuration = Configuration.first(read)
    settings = configuration.settings
    telemetry.configure(settings.log.format, audit_file=settings.log.audit_file)
    traces.check_installed(settings.tracing)
    count = one_a_core() if settings.workers is None else settings.workers
    if count > 1:
        uvloop.run(supervise(configuration, count))
        return
    with traces.tracing(settings.tracing, settings.name):
        uvloop.run(serve(configuration))

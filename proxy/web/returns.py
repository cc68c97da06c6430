"""Requests of this proxy to its registry that arrive here: they are refused before anybody is asked."""

import structlog
from aiohttp import web

from proxy.errors import RegistryLoop
from proxy.limits import PROXIES_PASSED
from proxy.registry import loops

_log = structlog.get_logger()


class Returns:
    """Looks at the marks of every request, and says once under a configuration that one of our own came back."""

    def __init__(self) -> None:
        """None came back yet."""
        self._has_said = False

    def check(self, request: web.Request) -> None:
        """Let a request in, and whatever it asks go on with its marks.

        Raises:
            RegistryLoop: it is one of our own, which would only ask itself again; or it has passed more proxies of
                this kind than stand behind each other, so it goes round without meeting the same one twice.
        """
        marks = loops.marks(request.headers)
        if loops.is_back(marks):
            self._say(request.remote)
        elif len(marks) <= PROXIES_PASSED:
            loops.carry(marks)
            return
        raise RegistryLoop(loops.LEADS_BACK)

    def _say(self, client: str | None) -> None:
        """Name whoever sent it back; that it came back stands in the line of each such request."""
        if not self._has_said:
            self._has_said = True
            _log.warning("registry.url leads back to this proxy: the registry is not asked", client=client)

"""What can go wrong with the registry, in the words of the table of refusals."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from multidict import CIMultiDict

from proxy.errors import RegistryTimedOut, RegistryUnreachable
from proxy.tls import tls_failure


class Relayed(Exception):
    """The registry's own answer to a credential that it does not let in; the client gets it as it is.

    Never a success and never a redirect: a client would follow either past the proxy. It is no permission, and
    nothing remembers it (design: Who may read).
    """

    def __init__(self, status: int, headers: CIMultiDict[str], body: bytes) -> None:
        """Keep an answer of 400 to 599; anything else is a defect of ours."""
        if not 400 <= status <= 599:
            raise ValueError(f"an answer {status} must not be relayed as an error")
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.body = body


@contextmanager
def translated() -> Iterator[None]:
    """Turn what aiohttp raises about the registry into a refusal.

    Only calls to the registry may stand inside: a client that breaks off raises the same exceptions.

    Raises:
        RegistryTimedOut: it took too long to connect or to answer.
        RegistryUnreachable: refused, reset, TLS, or an answer that is no HTTP.
    """
    try:
        yield
    except TimeoutError:
        raise RegistryTimedOut("no answer in time") from None
    except aiohttp.ClientSSLError as error:
        raise RegistryUnreachable(tls_failure(error.os_error)) from error
    except aiohttp.ClientConnectorError as error:
        raise RegistryUnreachable(_in_words(error.os_error)) from error
    except aiohttp.ClientResponseError as error:
        raise RegistryUnreachable("its answer is no HTTP") from error
    except aiohttp.ServerDisconnectedError as error:
        raise RegistryUnreachable("it closed the connection") from error
    except (aiohttp.ClientError, OSError) as error:
        raise RegistryUnreachable("the connection broke") from error


def _in_words(error: OSError) -> str:
    """Why a connection failed, without the address, which is not the client's to know."""
    if error.errno is None:
        return "cannot connect"
    return os.strerror(error.errno).lower() if error.errno > 0 else "its name cannot be resolved"

"""What traces are sent with, and in our own words why that failed: the library's quote their own insides."""

import ssl
from typing import Any

import requests

from proxy.telemetry.text import client_text


class Session(requests.Session):
    """Sends things; `why` says why the last one was not taken, and is empty where it was."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # no proxies, and no passwords, of the environment
        self.why = ""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401  (as the library has it)
        """Send something. Raises `requests.RequestException`."""
        try:
            response = super().request(*args, **kwargs)
        except requests.RequestException as error:
            self.why = _why(error)
            raise
        self.why = "" if response.ok else f"the collector answers {response.status_code} {response.reason}".rstrip()
        return response


def _why(error: BaseException) -> str:
    """The reason that lies under all others, as the system or TLS words it."""
    if isinstance(error, requests.Timeout):
        return "the collector gave no answer in time"
    below, cause = error, error.__cause__ or error.__context__
    while cause is not None:
        below, cause = cause, cause.__cause__ or cause.__context__
    if isinstance(below, ssl.SSLCertVerificationError):
        return f"the collector's certificate does not verify ({below.verify_message.lower()})"
    if isinstance(below, ssl.SSLError):
        return f"TLS failed ({(below.reason or 'no reason').lower().replace('_', ' ')})"
    text = getattr(below, "strerror", None) or type(below).__name__
    return client_text(f"the collector cannot be reached ({text.lower()})") or ""

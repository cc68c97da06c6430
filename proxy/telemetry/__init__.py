"""What the program says of itself: lines for the log, an audit stream, and metrics."""

from proxy.telemetry.audit import Audit
from proxy.telemetry.logs import configure, reopen
from proxy.telemetry.text import client_text

__all__ = ["Audit", "client_text", "configure", "reopen"]

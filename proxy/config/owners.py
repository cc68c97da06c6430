"""`owners`: whom people should ask about repositories."""

from collections.abc import Mapping

from proxy.config.document import Document
from proxy.config.policy_shape import OwnerShape
from proxy.policy.entries import UNFILLED


def warn_unfilled(document: Document, shapes: Mapping[str, OwnerShape]) -> None:
    """Warn of every owner whose contact somebody has yet to write."""
    for name, shape in shapes.items():
        if shape.contact == UNFILLED:
            document.warn(("owners", name), f"owner {name} has no contact yet; write whom people should ask")

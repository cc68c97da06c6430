"""`exceptions`: digests that are served unsigned until an instant (design: Which digests are admitted)."""

from collections.abc import Sequence

from proxy.config.document import Document, KeyPath, quoted
from proxy.config.policy_shape import ExceptionShape
from proxy.errors import ReferenceInvalid, UserError
from proxy.names import Digest, Reference
from proxy.policy.entries import Blocklist, Exemption


def exemptions(
    document: Document, shapes: Sequence[ExceptionShape], name: str, blocked: Blocklist
) -> tuple[Exemption, ...]:
    """Read the entries of `exceptions`; `name` is the registry's own, which may stand in front.

    Warns of a digest that `blocked` names, because that wins.
    """
    found: list[Exemption] = []
    lines: dict[str, int] = {}
    for position, shape in enumerate(shapes):
        at: KeyPath = ("exceptions", position, "allow")
        reference = _by_digest(shape.allow, name)
        if reference is None or not isinstance(reference.target, Digest):
            wanted = "write repository@sha256: and the 64 lower-case hex digits"
            document.problem(at, f"{quoted(shape.allow)} is no image by its digest alone; {wanted}")
            continue
        if str(reference) in lines:
            document.problem(at, f"this image is allowed on line {lines[str(reference)]} already; remove one")
        lines.setdefault(str(reference), document.line(at))
        if reference.target in blocked.digests:
            document.warn(at, "blocked names this digest too, and wins; remove one of the two")
        found.append(Exemption(reference.repository, reference.target, shape.until, shape.reason))
    return tuple(found)


def _by_digest(text: str, name: str) -> Reference | None:
    """The reference, unless it says more or less than repository and digest: a tag would count for nothing."""
    try:
        reference = Reference.parse(text, name)
    except (ReferenceInvalid, UserError):
        return None
    return reference if str(reference) == text.removeprefix(f"{name}/") else None

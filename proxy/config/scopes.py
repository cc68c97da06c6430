"""What an included file may say: of which repositories, and never less than the main file (design: Configuration)."""

from collections.abc import Iterable, Sequence
from itertools import combinations

from proxy.config.document import quoted
from proxy.config.include import Part
from proxy.policy.patterns import RepositoryPattern


def check_scopes(parts: Sequence[Part], name: str) -> None:
    """See that each repository is in the scope of one included file at most; `name` is the registry's own."""
    scoped = [(part.document, part.scope) for part in parts if part.scope is not None]
    for document, scope in scoped:
        if scope.startswith(f"{name}/"):
            bare = scope.removeprefix(f"{name}/")
            document.problem(("scope",), f"patterns have no registry in front; write {quoted(bare)}")
    for (one, first), (another, second) in combinations(scoped, 2):
        if first.overlaps(second):
            other = f"the scope {quoted(first)} at {one.place(('scope',))}"
            another.problem(
                ("scope",), f"this and {other} have repositories in common; let one file alone decide about each"
            )


def check_within(part: Part, patterns: Iterable[RepositoryPattern]) -> None:
    """See that an included file has entries within its scope alone."""
    if part.scope is None:
        return
    for pattern in patterns:
        if not part.scope.covers(pattern):
            beyond = f"this reaches beyond the scope of the file, {quoted(part.scope)}"
            meant = _within(part.scope, pattern)
            hint = f"did you mean {quoted(meant)}?" if meant else "make it narrower, or move it to another file"
            part.document.problem(("repositories", pattern), f"{beyond}; {hint}")


def _within(scope: RepositoryPattern, pattern: RepositoryPattern) -> str:
    """A last segment that stands alone, put behind the beginning of a scope; empty where it is none."""
    above, slash, _ = scope.rpartition("/")
    if not slash or "/" in pattern or pattern in scope.split("/"):
        return ""
    meant = RepositoryPattern(f"{above}/{pattern}")
    return meant if scope.covers(meant) else ""

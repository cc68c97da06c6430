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
            other = f"{quoted(first)}, the scope at {one.place(('scope',))}"
            another.problem(
                ("scope",), f"this and {other} have repositories in common; let one file alone decide about each"
            )


def check_within(part: Part, patterns: Iterable[RepositoryPattern]) -> None:
    """See that an included file has entries within its scope alone."""
    if part.scope is None:
        return
    for pattern in patterns:
        if not part.scope.covers(pattern):
            part.document.problem(
                ("repositories", pattern),
                f"this reaches beyond the scope of the file, {quoted(part.scope)}; make it narrower, or move it",
            )

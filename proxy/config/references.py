"""Names that entries refer to: signers in `signed_by`, roots, notaries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from proxy.config.checking import nearest
from proxy.config.document import Document, KeyPath, quoted
from proxy.config.policy_shape import RootsChoice, SignedByChoice, SignedByShape
from proxy.policy.signers import AllOf, AnyOf, AtLeast, FirstOf, Released, SignedBy, Signer
from proxy.tuf.pins import Pins, RootPin

_Named = TypeVar("_Named")

_FORMS: Final = ("any_of", "first_of", "all_of", "at_least")
_TOFU: Final = (
    "trust on first use: whoever answers first for a collection is believed from then on; "
    "pin its root as soon as you know it (tagwarden pin)"
)
_RELEASE_WORDS: Final = ("released", "releases")


@dataclass(frozen=True, slots=True)
class References:
    """Everything that can be referred to by name.

    A name that is not defined is noted as a problem and stands for somebody whom nothing is believed: so
    reading can go on and never ends in more trust than was meant.
    """

    document: Document
    signers: Mapping[str, Signer]
    roots: Mapping[str, RootPin]

    def pins(self, at: KeyPath, choice: RootsChoice) -> Pins:
        """The pinned set that a `roots` key asks for; warns of trust on first use (design: Configuration)."""
        if isinstance(choice, str):
            self.document.warn(at, _TOFU)
            return Pins.tofu()
        if "tofu" in choice:
            self.document.problem(at, "tofu stands alone; write roots: tofu, or name roots only")
            choice = [name for name in choice if name != "tofu"]
        check_repeated(self.document, at, choice)
        found = [
            look_up(self.document, (*at, position), "roots", name, self.roots) or RootPin(name)
            for position, name in enumerate(choice)
        ]
        return Pins(tuple(found) or (RootPin("tofu"),))

    def signed_by(self, at: KeyPath, choice: SignedByChoice) -> SignedBy:
        """The rule that a `signed_by` key asks for."""
        if isinstance(choice, str):
            return Released()
        if choice.any_of is not None:
            rule: SignedBy = AnyOf(self._signers((*at, "any_of"), choice.any_of))
        elif choice.first_of is not None:
            rule = FirstOf(self._signers((*at, "first_of"), choice.first_of))
        elif choice.all_of is not None:
            rule = AllOf(self._signers((*at, "all_of"), choice.all_of))
        else:
            rule = self._at_least(at, choice)
        if not self.document.was_cut(at):
            self._check_form(at, choice)
        return rule

    def _at_least(self, at: KeyPath, choice: SignedByShape) -> AtLeast:
        return AtLeast(choice.at_least or 1, self._signers((*at, "of"), choice.of or []))

    def _check_form(self, at: KeyPath, choice: SignedByShape) -> None:
        forms = [form for form in _FORMS if getattr(choice, form) is not None]
        if not forms and choice.of is not None:
            self.document.problem((*at, "of"), "of belongs to at_least; add how many must sign, such as at_least: 2")
        elif len(forms) != 1:
            self.document.problem(
                at, "exactly one of any_of, first_of, all_of and at_least is wanted; write the one you mean"
            )
        elif choice.of is None and choice.at_least is not None:
            self.document.problem(at, "at_least counts signers; add their names, such as of: [alice, ci]")
        elif choice.of is not None and choice.at_least is None:
            self.document.problem((*at, "of"), f"of belongs to at_least, not to {forms[0]}; remove one of the two")
        elif choice.of is not None and choice.at_least is not None and choice.at_least > len(choice.of):
            sentence = (
                f"{len(choice.of)} signers can never give {choice.at_least} signatures; lower the number or name more"
            )
            self.document.problem((*at, "at_least"), sentence)

    def _signers(self, at: KeyPath, names: Sequence[str]) -> tuple[Signer, ...]:
        check_repeated(self.document, at, names)
        return tuple(self._signer((*at, position), name) for position, name in enumerate(names))

    def _signer(self, at: KeyPath, name: str) -> Signer:
        if name in _RELEASE_WORDS and name not in self.signers:
            self.document.problem(
                at, "a release is no signer; write signed_by: released alone, or only name signers here"
            )
            return Signer(name, ())
        return look_up(self.document, at, "signers", name, self.signers) or Signer(name, ())


def check_repeated(document: Document, at: KeyPath, names: Sequence[str]) -> None:
    """Note every name that stands in a list a second time."""
    for position, name in enumerate(names):
        if name in names[:position]:
            document.problem((*at, position), f"{quoted(name)} is in this list already; remove one")


def look_up(document: Document, at: KeyPath, section: str, name: str, defined: Mapping[str, _Named]) -> _Named | None:
    """What a name in the file refers to, or None where a problem was noted."""
    if name not in defined and not document.mentions(section, name):
        where = "there" if document.main is None else "in the main file"
        if document.main is not None and section == "signers":
            where = "here or in the main file"
        hint = nearest(name, defined) or f"define it {where}, or correct the name"
        document.problem(at, f"there is no {quoted(name)} under {section}; {hint}")
    return defined.get(name)

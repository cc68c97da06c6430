"""The small changes that corruptions are composed of."""

from collections.abc import Callable
from typing import Final

from tests.support.keys import Key
from tests.support.notary_simulator import NotarySimulator
from tests.support.signed_roles import Declared, Delegation, Envelope
from tests.support.swizzler.swizzle import Apply
from tests.support.wire import Json, on_the_wire

TRUE: Final = True  # the value of JSON


def always(data: bytes) -> Callable[[bytes], bytes]:
    """Whatever the file was, these bytes instead."""
    return lambda _: data


def signed(edit: Callable[[Json], object]) -> Apply:
    """Change the fields of a file before it is signed."""
    return lambda sim, role: sim[role].before_signing.append(edit)


def with_field(name: str, value: object) -> Apply:
    """Give a signed field this value."""
    return signed(lambda fields: fields.__setitem__(name, value))


def without_field(name: str) -> Apply:
    """Leave a signed field out."""
    return signed(lambda fields: fields.pop(name))


def sealed(edit: Callable[[Envelope], object]) -> Apply:
    """Change a file after it is signed."""
    return lambda sim, role: sim[role].after_signing.append(edit)


def on_signature(edit: Callable[[Json], object]) -> Apply:
    """Change each signature."""
    return sealed(lambda envelope: [edit(signature) for signature in envelope.signatures])


def rewritten(edit: Callable[[bytes], bytes]) -> Apply:
    """Change the bytes of a file; what names it names the changed bytes."""
    return lambda sim, role: sim[role].on_the_wire.append(edit)


def spelled(meaning: object, spelling: str | bytes, name: str = "note") -> Apply:
    """Give a signed field a value whose spelling on the wire is unusual."""
    text = spelling if isinstance(spelling, bytes) else spelling.encode()
    member = on_the_wire({name: meaning})[1:-1]

    def respell(data: bytes) -> bytes:
        assert data.count(member) == 1, f"{member!r} is not once in the file"
        return data.replace(member, on_the_wire(name) + b":" + text)

    return both(with_field(name, meaning), rewritten(respell))


def both(*changes: Apply) -> Apply:
    """All changes, one after the other."""

    def apply(sim: NotarySimulator, role: str) -> None:
        for change in changes:
            change(sim, role)

    return apply


def declaration(sim: NotarySimulator, role: str) -> Declared | Delegation:
    """Where a role's keys and threshold are declared: in root, or in the parent's file."""
    if role in sim.root.roles:
        return sim.root.roles[role]
    parent = sim.targets_role(role.rpartition("/")[0])
    return next(each for each in parent.delegations if each.name == role)


def declarer(role: str) -> str:
    """The role whose file declares this one."""
    return "root" if "/" not in role else role.rpartition("/")[0]


def declared(edit: Callable[[Json], object]) -> Apply:
    """Change the entry that declares a role, before the file that holds it is signed."""

    def apply(sim: NotarySimulator, role: str) -> None:
        def change(fields: Json) -> None:
            if "/" not in role:
                edit(fields["roles"][role])
            else:
                edit(next(each for each in fields["delegations"]["roles"] if each["name"] == role))

        sim[declarer(role)].before_signing.append(change)

    return apply


def key_table(edit: Callable[[Json], object]) -> Apply:
    """Change the table of keys in the file that declares a role."""

    def apply(sim: NotarySimulator, role: str) -> None:
        def change(fields: Json) -> None:
            edit(fields["keys"] if "/" not in role else fields["delegations"]["keys"])

        sim[declarer(role)].before_signing.append(change)

    return apply


def described(edit: Callable[[Json], object]) -> Apply:
    """Change the entry by which snapshot or timestamp describes a role's file."""

    def apply(sim: NotarySimulator, role: str) -> None:
        describer = sim.timestamp if role == "snapshot" else sim.snapshot
        describer.before_signing.append(lambda fields: edit(fields["meta"][role]))

    return apply


def keyed(choose: Callable[[NotarySimulator, str], list[Key]], threshold: int = 1) -> Apply:
    """Declare other keys for a role, and sign its file by all of them."""

    def apply(sim: NotarySimulator, role: str) -> None:
        keys = choose(sim, role)
        entry = declaration(sim, role)
        entry.keys, entry.threshold = keys, threshold
        sim[role].signers = list(keys)

    return apply


def one(key: Key) -> Apply:
    """Declare this key alone, and sign by it."""
    return keyed(lambda _sim, _role: [key])

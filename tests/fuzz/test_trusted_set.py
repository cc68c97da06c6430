"""A signer, a Notary that anybody may hold, and a reader who remembers.

Whatever happens between them: versions never fall, nothing is returned that its keys did not sign, and nothing but a
refusal or an outage is ever raised.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from proxy.errors import NotaryUnreachable, TrustError
from proxy.names import ROOT, Gun, RoleName
from proxy.tuf.collection import Collection, Stored
from proxy.tuf.messages import Fetch, Fetched, Missing, Reply, TooLarge, Unavailable
from proxy.tuf.pins import Pins, RootPin
from proxy.tuf.update import update
from tests.fuzz.notebook import Notebook, check_memory
from tests.support.certificates import authority, certificate, root_key
from tests.support.keys import Key, ecdsa_key, rsa_key
from tests.support.notary_simulator import NotarySimulator
from tests.support.reading import read, remembered
from tests.support.signed_roles import EXPIRED, NOW, Delegation
from tests.support.swizzler.edits import declaration, declarer
from tests.support.wire import base64_text

GUN: Final = "example.com/shop/api"
TOPS: Final = ("root", "timestamp", "snapshot", "targets")
DELEGATIONS: Final = ("targets/alice", "targets/alice/deep", "targets/releases")
ALL: Final = (*TOPS, *DELEGATIONS)
NAMES: Final = ("root", "second", "third")

ROLES, CHILDREN = st.sampled_from(ALL), st.sampled_from(DELEGATIONS)
SAYING: Final = ("targets", *DELEGATIONS)
STRANGER, USURPER = ecdsa_key("a stranger"), root_key(GUN, "a usurper")
KEYS: Final = {
    role: [root_key(GUN, name) if role == "root" else ecdsa_key(f"{role}{name.removeprefix('root')}") for name in NAMES]
    for role in ALL
}
EVERYBODY: Final = [STRANGER, USURPER, *(key for keys in KEYS.values() for key in keys)]


def _repository() -> NotarySimulator:
    sim = NotarySimulator(GUN)
    for role in DELEGATIONS:
        sim.delegate(role)
        sim.sign("1.4", role=role)
    return sim


# --- what attackers do --------------------------------------------------------------------------

Past = list[dict[str, bytes]]
Act = Callable[[NotarySimulator, str, int, Past], None]
Played = tuple[Act, str, int]


def _acts(acts: list[Act]) -> st.SearchStrategy[Played]:
    return st.tuples(st.sampled_from(acts), ROLES, st.integers(0, 5000))


def _forge(sim: NotarySimulator, role: str, _number: int, _past: Past) -> None:
    """Somebody without the key signs, and everything above describes it."""
    sim[role].signers = [STRANGER]
    sim.bump()
    sim.publish()


def _renumber(sim: NotarySimulator, role: str, number: int, _past: Past) -> None:
    """Somebody with the key counts in their own way."""
    sim[role].version = number + 1
    sim.publish()


def _rewrite(sim: NotarySimulator, role: str, number: int, _past: Past) -> None:
    """Somebody with the key changes a file under its number."""
    sim[role].fields = {"note": number}
    sim.publish()


def _age(sim: NotarySimulator, role: str, _number: int, _past: Past) -> None:
    """Nobody renewed a role in time."""
    sim[role].expires = EXPIRED
    sim.bump()
    sim.publish()


def _ask_for_more(sim: NotarySimulator, role: str, _number: int, _past: Past) -> None:
    """A threshold is raised, and nobody knows of it."""
    declaration(sim, role).threshold += 1
    sim.bump()
    sim.publish()


def _roll_back(sim: NotarySimulator, _role: str, number: int, past: Past) -> None:
    """Notary shows what it showed before."""
    sim.serve_again(past[number % len(past)])


def _mix(sim: NotarySimulator, role: str, number: int, past: Past) -> None:
    """Notary, holding its own two keys, describes an old file of somebody in new words."""
    old = past[number % len(past)].get(role)
    if old and role in SAYING:
        sim[role].on_the_wire.append(lambda _: old)
        sim.bump("snapshot", "timestamp")
        sim.publish()


def _swap(sim: NotarySimulator, role: str, number: int, _past: Past) -> None:
    """Notary serves one role's file as another's, and describes it so."""
    other = sim.current.get(ALL[number % len(ALL)])
    if other:
        sim[role].on_the_wire.append(lambda _: other)
        sim.bump("snapshot", "timestamp")
        sim.publish()


def _corrupt(sim: NotarySimulator, role: str, number: int, _past: Past) -> None:
    """Notary changes a byte."""
    if data := sim.current.get(role):
        at = number % len(data)
        sim.serve(role, data[:at] + bytes([data[at] ^ 1 << number % 8]) + data[at + 1 :])


def _break_down(sim: NotarySimulator, role: str, number: int, _past: Past) -> None:
    """Notary does not answer, once or always."""
    sim.fault(role, (0, 401, 404, 500, 503)[number % 5], times=1 if number % 2 else None)


def _withhold(sim: NotarySimulator, role: str, number: int, _past: Past) -> None:
    """Notary leaves a delegation out of its snapshot, or denies having a file."""
    if number % 2:
        sim.withhold(role)
    elif "/" in role:
        sim[role].published = False
        sim.bump("snapshot", "timestamp")
        sim.publish()


def _usurp(sim: NotarySimulator, _role: str, _number: int, _past: Past) -> None:
    """Somebody makes the repository anew under a root of their own."""
    sim.root.roles["root"].keys, sim.root.signers = [USURPER], [USURPER]
    sim.root.roles["root"].threshold = 1
    sim.bump()
    sim.publish()


ATTACKS: Final[list[Act]] = [
    _forge, _renumber, _rewrite, _age, _ask_for_more, _roll_back, _mix, _swap, _corrupt, _break_down, _withhold, _usurp,
]  # fmt: skip


# --- what people do in good order -----------------------------------------------------------------


def _sign(sim: NotarySimulator, role: str, number: int, _past: Past) -> None:
    """Somebody signs a tag, or one that is none."""
    if role in SAYING:
        sim.sign(("1.4", "latest", "not a tag")[number % 3], b"%d" % (number % 5), role)
        _publish(sim, role)


def _revoke(sim: NotarySimulator, role: str, _number: int, _past: Past) -> None:
    """Somebody takes everything back."""
    if role in SAYING:
        sim.targets_role(role).tags.clear()
        _publish(sim, role)


def _rotate(sim: NotarySimulator, role: str, number: int, _past: Past) -> None:
    """A role gets other keys, all of which must sign; a root is signed by the old ones too."""
    declared, before = declaration(sim, role), declaration(sim, role).keys
    declared.keys = [KEYS[role][number % 3], KEYS[role][number // 3 % 3]][: 1 + (number % 3 != number // 3 % 3)]
    declared.threshold = len(declared.keys)
    sim[role].signers = [*before, *declared.keys] if role == "root" else list(declared.keys)
    _publish(sim, declarer(role), *([role] if role in SAYING else []))


def _redeclare(sim: NotarySimulator, role: str, number: int, _past: Past) -> None:
    """A delegation gets other paths."""
    declared = declaration(sim, role)
    if isinstance(declared, Delegation):
        declared.paths = [[""], ["1"], []][number % 3]
        _publish(sim, declarer(role))


def _publish(sim: NotarySimulator, *roles: str) -> None:
    sim.bump(*roles, "snapshot", "timestamp")
    sim.publish()


DOINGS: Final[list[Act]] = [_sign, _sign, _revoke, _rotate, _redeclare]


class Signing(RuleBasedStateMachine):
    """People sign and publish in good order; one reader reads all of it, another one past attackers."""

    def __init__(self) -> None:
        super().__init__()
        self.sim = _repository()
        self.notebook = Notebook(EVERYBODY)
        self.notebook.watch(self.sim, ALL)
        self.sim.publish()
        self.past: Past = []
        self.usurped: set[bytes] = set()
        self.memory: Stored | None = None
        self.tainted: Stored | None = None

    @rule(
        doing=_acts(DOINGS),
        attacks=st.lists(_acts(ATTACKS), max_size=3),
        forgets=st.integers(0, 9),
        tainted=st.booleans(),
    )
    def live(self, doing: Played, attacks: list[Played], forgets: int, tainted: bool) -> None:  # noqa: FBT001  (as drawn)
        """Something is published and read; then somebody tampers with it, and it is read again."""
        if not forgets:
            self.memory = self.tainted = None
        act, role, number = doing
        act(self.sim, role, number, self.past)
        self.past.append(dict(self.sim.current))
        collection = read(self.sim, self.memory)
        self._check(self.memory, collection)
        self.memory = collection.stored()
        self._read_past(attacks, self.tainted if tainted else self.memory)

    def _read_past(self, attacks: list[Played], memory: Stored | None) -> None:
        """A reading ends in a refusal, an outage, or in something that was really signed."""
        found = self.sim.clone()
        for act, role, number in attacks:
            act(found, role, number, self.past)
            if USURPER in found.root.signers:
                self.usurped.add(found.current["root"])
        try:
            collection = read(found, memory)
        except (TrustError, NotaryUnreachable):
            return
        self._check(memory, collection)
        self.tainted = collection.stored()

    def _check(self, memory: Stored | None, collection: Collection) -> None:
        self.notebook.check(collection)
        if memory:
            check_memory(memory, collection)
            if memory.files[ROOT] not in self.usurped:
                assert collection.files[ROOT] not in self.usurped, "the usurper's root is no successor"


TestSigning: Final = Signing.TestCase
# one step is a whole life of a version, so a few of them find much
TestSigning.settings = settings(max_examples=settings().max_examples // 5, stateful_step_count=20)


# --- bytes from anywhere ------------------------------------------------------------------------


def _world() -> tuple[list[bytes], NotarySimulator, Notebook]:
    """Files of many kinds: of two versions, of a usurper, of a rotated root; and the repository as it stands."""
    sim, notebook, files = _repository(), Notebook(EVERYBODY), list[bytes]()
    notebook.watch(sim, ALL)
    root = sim.root.roles["root"]
    for keys, signers in (
        ([USURPER], [USURPER]),
        (KEYS["root"][:1], KEYS["root"][:1]),
        (KEYS["root"][1:2], KEYS["root"][:2]),
        (KEYS["root"][2:], KEYS["root"][1:]),
    ):
        root.keys, sim.root.signers = list(keys), list(signers)
        sim.bump()
        sim.publish()
        files += sim.current.values()
    return files, sim, notebook


FILES, WORLD, NOTEBOOK = _world()
REMEMBERED: Final = remembered(WORLD)
JUNK: Final = st.binary(max_size=40) | st.sampled_from(
    [b"{}", b'{"signed":{}}', b'{"signed":{},"signatures":[]}', b"null"]
)
ANY_BYTES: Final = st.sampled_from(FILES) | JUNK | st.builds(
    lambda data, at, other: data[: at % len(data)] + other + data[at % len(data) + 1 :],
    st.sampled_from(FILES), st.integers(0, 10_000), st.binary(max_size=2),
)  # fmt: skip
OTHER: Final[list[Reply]] = [Missing(), TooLarge(), *(Unavailable("no answer", status) for status in (None, 401, 503))]
MEMORIES: Final = st.none() | st.builds(
    Stored, st.dictionaries(st.sampled_from([RoleName(name) for name in (*ALL, "targets/gone")]), ANY_BYTES, max_size=7)
) | st.builds(
    lambda lost: Stored({role: data for role, data in REMEMBERED.files.items() if role not in lost}), st.sets(ROLES)
)  # fmt: skip


def _run(stored: Stored | None, reply: Callable[[Fetch], Reply], pins: Pins | None = None) -> Collection | None:
    """Run an update to its end; None where it ends in a refusal or an outage. Anything else is raised."""
    workflow = update(Gun(GUN), pins or Pins.tofu(), stored, NOW)
    try:
        wishes = next(workflow)
        while True:
            wishes = workflow.send(tuple(reply(wish) for wish in wishes))
    except StopIteration as finished:
        collection: Collection = finished.value
        return collection
    except (TrustError, NotaryUnreachable):
        return None


@given(st.data(), MEMORIES)
def test_any_replies_end_in_a_refusal_or_in_what_was_signed(data: st.DataObject, stored: Stored | None) -> None:
    """Right answers, wrong ones, other files, changed bytes, in any order, on any memory."""

    def reply(wish: Fetch) -> Reply:
        answer = WORLD.answer(wish.name)
        right: Reply = Fetched(answer.body) if answer.status == 200 else Missing()
        if data.draw(st.integers(0, 3)):
            return right
        return data.draw(st.sampled_from(OTHER)) if data.draw(st.booleans()) else Fetched(data.draw(ANY_BYTES))

    collection = _run(stored, reply)
    if collection:
        NOTEBOOK.check(collection)


# --- strange things, well signed ----------------------------------------------------------------

VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([*ALL, "Root"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value: what holds it, and under which key or index."""
    for place in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, place
        yield from _places(value[place])


@given(ROLES, st.integers(0, 10_000), VALUES, st.booleans())
def test_any_value_anywhere_in_a_well_signed_file_is_read_or_refused(
    role: str, place: int, value: object, remembers: bool  # noqa: FBT001  (hypothesis's way)
) -> None:  # fmt: skip
    """Whoever holds a key can sign anything."""
    sim = WORLD.clone()

    def replace(fields: dict[str, Any]) -> None:
        places = list(_places(fields))
        container, key = places[place % len(places)]
        container[key] = value

    sim[role].before_signing.append(replace)
    sim.bump()
    sim.publish()
    _run(REMEMBERED if remembers else None, lambda wish: _answer(sim, wish))


def _answer(sim: NotarySimulator, wish: Fetch) -> Reply:
    answer = sim.answer(wish.name)
    return Fetched(answer.body) if answer.status == 200 else Missing()


CA: Final = authority("corp")
PLAIN, RSA = ecdsa_key("root"), rsa_key("rsa")
DERS: Final = [
    each.public_bytes(Encoding.DER)
    for each in (certificate(GUN, PLAIN), certificate(GUN, PLAIN, CA), certificate(GUN, RSA), CA.certificate)
]
PINS: Final = st.sampled_from(
    [Pins.tofu(), Pins((RootPin("corp", authorities=(CA.certificate,), allow_wildcard_name=True),))]
)


def _as_pem(der: bytes) -> bytes:
    text = base64_text(der)
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n".encode()


@given(
    st.lists(st.tuples(st.sampled_from(DERS), st.integers(0, 1000), st.binary(max_size=2)), min_size=1, max_size=3),
    st.sampled_from(["ecdsa-x509", "rsa-x509"]),
    st.sampled_from(["root", "targets/alice"]),
    PINS,
)
def test_any_bytes_in_a_certificate_are_read_or_refused(
    changes: list[tuple[bytes, int, bytes]], keytype: str, role: str, pins: Pins
) -> None:
    """Certificates are read in parts, each of which can fail in its own way; none of it gets out."""
    bundle = b"".join(_as_pem(der[: at % len(der)] + other + der[at % len(der) + 1 :]) for der, at, other in changes)
    key = Key(keytype, bundle, (RSA if keytype == "rsa-x509" else PLAIN).private)
    sim = WORLD.clone()
    declaration(sim, role).keys = sim[role].signers = [key]
    sim.publish()
    _run(None, lambda wish: _answer(sim, wish), pins)

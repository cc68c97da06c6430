"""Tells what happens to trust, for the audit stream: roots that change, keys that come and go, what goes back.

What a commit changed is told by the process whose commit it was, so once however many share the trust store. What
goes back is told by everybody who sees it, once for each way in which it does.
"""

import logging
from collections import defaultdict
from dataclasses import dataclass, field

import cachetools
import structlog

from proxy.errors import Rollback, TrustError
from proxy.limits import REFUSALS_REMEMBERED
from proxy.names import Gun
from proxy.refusals import for_log
from proxy.telemetry import Audit
from proxy.tuf.collection import Collection, Unusable
from proxy.tuf.succession import Succession
from proxy.verification import Verified

_log = structlog.get_logger()


@dataclass(slots=True)
class Chronicle:
    """Remembers what it said of rollbacks, until a collection is well again."""

    _said: "cachetools.LRUCache[tuple[str, Gun], frozenset[str]]" = field(
        default_factory=lambda: cachetools.LRUCache(REFUSALS_REMEMBERED)
    )

    def note(self, notary: str, gun: Gun, verified: Verified, *, was_forgotten: bool = False) -> None:
        """A collection was verified, and what is new of it committed; `was_forgotten` by somebody, on purpose."""
        if verified.is_new and verified.succession:
            _tell(notary, gun, verified.succession, was_forgotten=was_forgotten)
        self._tell_rollbacks(notary, gun, _rollbacks(verified.collection))

    def note_refusal(self, notary: str, gun: Gun, refusal: TrustError) -> None:
        """A collection did not verify."""
        if isinstance(refusal, Rollback):
            self._tell_rollbacks(notary, gun, [refusal])

    def _tell_rollbacks(self, notary: str, gun: Gun, rollbacks: list[Rollback]) -> None:
        before = self._said.pop((notary, gun), frozenset())
        said = {for_log(each, gun, notary): each for each in rollbacks}
        for sentence, each in said.items():
            if sentence not in before:
                _log.error(
                    "rollback seen", audit=Audit.ROLLBACK_SEEN, notary=notary, gun=gun, role=each.role, why=sentence
                )
        if said:
            self._said[notary, gun] = frozenset(said)


def _tell(notary: str, gun: Gun, succession: Succession, *, was_forgotten: bool) -> None:
    where = {"notary": notary, "gun": gun}
    before, version = succession.roots
    if succession.is_first:
        keys = defaultdict(list)
        for role, key in succession.begun:
            keys[role].append(key)
        _log.log(
            logging.WARNING if was_forgotten else logging.INFO,
            "collection trusted for the first time",
            audit=Audit.FIRST_TRUSTED,
            **where,
            root=version,
            root_keys=succession.root_keys,
            keys=keys,
            **({"forgotten": True} if was_forgotten else {}),
        )
        return
    if succession.has_other_root:
        _log.warning(
            "root changed",
            audit=Audit.ROOT_CHANGED,
            **where,
            before=before,
            root=version,
            root_keys=succession.root_keys,
            root_keys_gone=succession.root_keys_gone,
        )
    for role, key in succession.begun:
        _log.info("key first used", audit=Audit.KEY_FIRST_USED, **where, role=role, key=key)
    for role, key in succession.ended:
        _log.info("key last used", audit=Audit.KEY_LAST_USED, **where, role=role, key=key)


def _rollbacks(collection: Collection) -> list[Rollback]:
    roles = (role for role in collection.roles.values() if isinstance(role, Unusable))
    return [role.error for role in roles if isinstance(role.error, Rollback)]

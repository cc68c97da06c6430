"""What a supervisor hands over to a worker: the one configuration that it read, and the sockets that listen.

It goes through a file that is in memory alone, so secrets stand neither on a disk nor among arguments. Certificates,
keys and authorities are part of it, as they were read (`PemFile`): a worker that takes another's place shows the same
certificate and believes the same authorities, whatever became of those files meanwhile.
"""

import os
import pickle
import socket
from dataclasses import dataclass, replace
from typing import BinaryIO, Self

from proxy.config.settings import Settings
from proxy.policy.entries import Blocklist
from proxy.server.sockets import Bound, Place, places


@dataclass(frozen=True, slots=True)
class Handed:
    """Settings, the descriptors of what is listened on, and which configuration of this supervisor's that is."""

    settings: Settings
    places: tuple[tuple[Place, tuple[int, ...]], ...]
    number: int = 1

    @classmethod
    def of(cls, settings: Settings, bound: tuple[Bound, ...], number: int = 1) -> Self:
        """What a worker needs. It never begins a trust store: one that is lost since must not pass for a new one."""
        policy, store = settings.policy, replace(settings.trust_store, must_exist=True)
        blocked = Blocklist(dict(policy.blocked.digests), dict(policy.blocked.keys))
        portable = replace(
            settings,
            notaries=dict(settings.notaries),
            policy=replace(policy, blocked=blocked),
            trust_store=store,
            warnings=(),
            written={},
        )
        current = {place.key: place for place in places(settings)}  # files may be others than when it was listened on
        handed = (
            (current.get(each.place.key, each.place), tuple(map(socket.socket.fileno, each.sockets))) for each in bound
        )
        return cls(portable, tuple(handed), number)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All that a worker has to inherit."""
        return tuple(descriptor for _, descriptors in self.places for descriptor in descriptors)

    def file(self) -> BinaryIO:
        """A file to read this from, in memory; what follows goes through the same one."""
        file = os.fdopen(os.memfd_create("tagwarden-settings"), "w+b")
        self.write(file)
        return file

    def write(self, file: BinaryIO) -> int:
        """Write this in the place of what is there, which was read already; answers how long it is."""
        data = pickle.dumps(self, pickle.HIGHEST_PROTOCOL)
        file.seek(0)
        file.truncate()
        file.write(data)
        file.flush()
        return len(data)

    @classmethod
    def read(cls, descriptor: int, length: int | None = None) -> "Handed":
        """What a supervisor wrote, and says that it is so long. Raises `TypeError` for anything else."""
        size = os.fstat(descriptor).st_size
        if length not in (None, size):
            raise TypeError("this is not what was handed over")
        data = os.pread(descriptor, size, 0)  # both ends have one file, and so one place in it: nobody reads on there
        handed = pickle.loads(data)  # noqa: S301  (from the process that started this one, and nobody else)
        if not isinstance(handed, cls):
            raise TypeError("this was not handed over by a supervisor")
        return handed

    def take(self) -> tuple[Bound, ...]:
        """The sockets, in the process that inherited them."""
        return tuple(
            Bound(place, tuple(socket.socket(fileno=descriptor) for descriptor in descriptors))
            for place, descriptors in self.places
        )

"""What nobody has asked for yet: what one verification costs, how many a second, and a crowd on one of them."""

import asyncio
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Final

from deploy.stack.images import index, push
from deploy.stack.programs import program
from deploy.stack.proxy import Proxy, proxy
from loadtest.bench.processes import SERVER_CORE, cpu_seconds, family, memory, on_load_core, pin
from loadtest.bench.rounds import Effort, in_turns
from loadtest.bench.signed import Signed, usual, verified
from loadtest.bench.stage import Stage, anybody
from loadtest.bench.table import Found, Point, Row
from loadtest.stampede import Client, crowd, stampede
from tests.support.publishing import Publisher

_TIMES: Final = 100
_FEW: Final = 20  # have fewer keys together than are remembered
_AT_ONCE: Final = 16
_MEBIBYTE: Final = 1 << 20


def verifying(_there: Stage, effort: Effort) -> Iterator[Found]:
    """The processor time of one verification, beside that of as many signatures by `openssl speed`."""
    signatures = usual().signatures
    times = min(_TIMES, effort.repositories)
    few = [usual() for _ in range(_FEW)]
    sides = {
        "ours": lambda: _verified([usual() for _ in range(times)]),
        "known": lambda: _verified(few * 5, leading=_FEW),
        "openssl": lambda: signatures * _signature(),
    }
    found = in_turns(effort, "verification", sides)
    against = f"{signatures} signatures by openssl speed"
    yield Row("cold verification", against, "CPU s", found["ours"], found["openssl"], 1.5, 1.3, is_more=False)
    name = "the same, by keys seen before"
    yield Row(name, against, "CPU s", found["known"], found["openssl"], None, None, is_more=False)


def repositories(there: Stage, effort: Effort) -> Iterator[Found]:
    """First contacts with as many repositories, 16 at a time; the aim is a rate, on this machine."""
    publisher, content, names = Publisher(there.trust, Signed), index([]), []
    for number in range(effort.repositories):
        names.append(f"cold-{number % 20}/service-{number}")
        push(there.there, names[-1], content, "1.0")
        publisher.publish(f"{there.there.host}/{names[-1]}", "1.0", content.manifest.content)
        if number % 100 == 99:
            effort.say(f"cold repositories: {number + 1} of {effort.repositories} made")
    publisher.close()
    rates, cpu, held = [], [], []
    for number in range(effort.rounds):
        effort.say(f"cold repositories: round {number + 1} of {effort.rounds}")
        with proxy(there.directory / f"cold-{number}", anybody(there)) as fresh:
            pids = family(fresh.daemon.pid)
            pin(pids, SERVER_CORE)
            before = cpu_seconds(pids)
            with on_load_core():
                rates.append(asyncio.run(_first_contacts(fresh, names)))
            cpu.append(1000 * (cpu_seconds(pids) - before) / len(names))
            held.append(memory(pids) / _MEBIBYTE)
    yield Row("cold repositories", "450/s", "repositories/s", rates, [450.0], 1.0, 800 / 450, is_more=True)
    plot = f"first contacts, {_AT_ONCE} at once"
    yield Point(plot, "processor of the proxy, for each", "CPU ms", 0.0, cpu)
    yield Point(plot, f"memory of the proxy after {len(names)}", "MiB", 0.0, held)


def together(there: Stage, effort: Effort) -> Iterator[Found]:
    """A crowd on one cold tag: how long the slowest waits, beside a client that is alone with one."""
    publisher, content = Publisher(there.trust, Signed), index([])
    number = 0

    def cold() -> str:
        nonlocal number
        number += 1
        name = f"together/service-{number}"
        push(there.there, name, content, "1.0")
        publisher.publish(f"{there.there.host}/{name}", "1.0", content.manifest.content)
        return name

    with ExitStack() as stack:
        stack.callback(publisher.close)
        fresh = stack.enter_context(proxy(there.directory / "together", anybody(there)))

        def slowest(clients: int) -> float:
            answers = asyncio.run(stampede(fresh, cold(), "1.0", clients))
            if {each.status for each in answers} != {200}:
                raise RuntimeError(f"not everybody got the image: { {each.status for each in answers} }")
            return max(each.seconds for each in answers)

        sides = {"crowd": lambda: slowest(effort.clients), "alone": lambda: median(slowest(1) for _ in range(5))}
        found = in_turns(effort, f"{effort.clients} clients on one cold tag", sides)
    name = f"{effort.clients} clients on one cold tag, slowest"
    yield Row(name, "a lone cold pull", "s", found["crowd"], found["alone"], 5.0, 4.0, is_more=False)


def _verified(collections: Sequence[Signed], leading: int = 0) -> float:
    """Processor seconds of one of them, on first contact; `leading` come before and do not count."""
    for each in collections[:leading]:
        verified(each)
    collections = collections[leading:]
    began = time.process_time()
    for each in collections:
        verified(each)
    return (time.process_time() - began) / len(collections)


def _signature() -> float:
    """Processor seconds of one verification with P-256."""
    command = [program("openssl"), "speed", "-seconds", "1", "-mr", "ecdsap256"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = next(each for each in printed.splitlines() if each.startswith("+F4:"))
    return 1 / float(line.rpartition(":")[2])


async def _first_contacts(fresh: Proxy, names: list[str]) -> float:
    """Pull from each repository once; so many a second."""
    clients = await crowd(fresh, _AT_ONCE)
    waiting = iter(names)

    async def pull(client: Client) -> None:
        for name in waiting:
            answer = await client.pull(name, "1.0")
            if answer.status != 200:
                raise RuntimeError(f"{name}: {answer.status}")

    began = time.perf_counter()
    await asyncio.gather(*(pull(each) for each in clients))
    rate = len(names) / (time.perf_counter() - began)
    await asyncio.gather(*(each.leave() for each in clients))
    return rate

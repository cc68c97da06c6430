"""The oracle: Debian's `notary` reads a forged repository and says what it makes of it.

One small HTTPS server serves any number of simulators, each under a path of its own.

`notary list` prints a tag once, for the first role of `--roles` that has it and whose paths cover it; a role that
is named itself is left out of the subtrees of the others (dialect 3.9). So with every role named, each is asked
for its own tags only, and a tag in two roles is printed for the one named first.
"""

import json
import re
import ssl
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Final, TypeAlias

from certs.authority import Authority
from tests.support.notary_simulator import NO_ANSWER, Answer, NotarySimulator
from tests.support.wire import Json

NOTARY: Final = "/usr/bin/notary"
_ADDRESS: Final = re.compile(r"/(?P<place>\w+)/v2/(?P<gun>.+)/_trust/tuf/(?P<name>.+)\.json")
_ROW: Final = re.compile(r"(?P<tag>.*?)\s+(?P<digest>[0-9a-f]*)\s+(?P<length>-?\d+)\s+(?P<role>targets\S*)\s*")
_FATAL: Final = "* fatal: "


@dataclass(frozen=True)
class Listed:
    """What was accepted: for each tag the role that it is taken from, the hex of its sha256, and its length."""

    tags: Mapping[str, tuple[str, str, int]]


@dataclass(frozen=True)
class Refused:
    """Why nothing was accepted."""

    why: str


Reading: TypeAlias = Listed | Refused


@dataclass(frozen=True)
class NotaryPins:
    """The `trust_pinning` of the real client.

    `certs` maps a GUN or prefix with `*` to key ids as root lists them, `ca` a plain prefix to the PEM of
    authorities (None stands for a file that does not exist).
    """

    certs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ca: Mapping[str, bytes | None] = field(default_factory=dict)
    disable_tofu: bool = False

    def written(self, directory: Path) -> Json:
        """The configuration, with its files written into a directory."""
        files = {}
        for number, (prefix, text) in enumerate(self.ca.items()):
            files[prefix] = str(directory / f"authority-{number}.pem")
            if text is not None:
                Path(files[prefix]).write_bytes(text)
        certs = {gun: list(ids) for gun, ids in self.certs.items()}
        return {"certs": certs, "ca": files, "disable_tofu": self.disable_tofu}


@dataclass(frozen=True)
class Outcome:
    """A reading, what was logged beside it, and the files that were remembered afterwards."""

    reading: Reading
    log: str
    remembered: Mapping[str, bytes]


class Run:
    """One `notary list` under way."""

    def __init__(
        self, directory: TemporaryDirectory[str], gun: str, command: list[str], done: Callable[[], object]
    ) -> None:
        self._directory = directory
        self._base = Path(directory.name)
        self._cache = self._base / "tuf" / gun / "metadata"
        self._done = done
        with (self._base / "output").open("wb") as output, (self._base / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=log)

    def outcome(self) -> Outcome:
        """Wait for its end and say what it printed and kept; to be called once."""
        try:
            exit_code = self._process.wait(timeout=60)
            output, log = ((self._base / name).read_text(errors="replace") for name in ("output", "log"))
            files = {
                str(file.relative_to(self._cache)).removesuffix(".json"): file.read_bytes()
                for file in self._cache.rglob("*.json")
            }
            return Outcome(_reading(exit_code, output, log), log, files)
        finally:
            self._process.kill()
            self._process.wait()
            self._directory.cleanup()
            self._done()


class NotaryOracle:
    """Serves simulators and runs `notary` against them; made by `running_oracle`."""

    def __init__(self, server: "_Server") -> None:
        self._server = server
        self._served = 0

    def start(
        self,
        sim: NotarySimulator,
        roles: Iterable[str] = ("targets",),
        *,
        remembered: Mapping[str, bytes] | None = None,
        pins: NotaryPins | None = None,
    ) -> Run:
        """Start `notary list` with these roles, in order of priority.

        `remembered` are the files of an earlier reading, by role. Without them and `pins` it is a first
        contact that trusts what it sees.
        """
        self._served += 1
        place = f"case{self._served}"
        directory = TemporaryDirectory()
        base = Path(directory.name)
        for role, data in (remembered or {}).items():
            file = base / "tuf" / sim.gun / "metadata" / f"{role}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        (base / "config.json").write_text(json.dumps({"trust_pinning": (pins or NotaryPins()).written(base)}))
        self._server.simulators[place] = sim
        options = ["-s", f"{self._server.url}/{place}", "-d", str(base), "-c", str(base / "config.json")]
        options += ["--tlscacert", str(self._server.ca_file)]
        command = [NOTARY, *options, "list", sim.gun, "--roles", ",".join(roles)]
        return Run(directory, sim.gun, command, lambda: self._server.simulators.pop(place, None))

    def read(
        self,
        sim: NotarySimulator,
        roles: Iterable[str] = ("targets",),
        *,
        remembered: Mapping[str, bytes] | None = None,
        pins: NotaryPins | None = None,
    ) -> Outcome:
        """Run `notary list` to its end; the arguments are those of `start`."""
        return self.start(sim, roles, remembered=remembered, pins=pins).outcome()


def _reading(exit_code: int, output: str, log: str) -> Reading:
    if exit_code != 0:
        return Refused(output.partition(_FATAL)[2].strip() or log.strip() or output.strip())
    rows = [_ROW.fullmatch(line) for line in output.splitlines()]
    return Listed({row["tag"]: (row["role"], row["digest"], int(row["length"])) for row in rows if row})


@contextmanager
def running_oracle() -> Iterator[NotaryOracle]:
    """An oracle whose server runs on a free port of the loopback interface until the end of the block.

    Raises `FileNotFoundError` with what to install where the real client is missing.
    """
    if not Path(NOTARY).exists():
        raise FileNotFoundError(f"{NOTARY} is missing: apt install notary")
    with TemporaryDirectory() as directory:
        server = _Server(Authority.open(Path(directory)))
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield NotaryOracle(server)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingTCPServer):
    """Serves the simulators, by the first part of the path."""

    daemon_threads = True

    def __init__(self, authority: Authority) -> None:
        self.simulators: dict[str, NotarySimulator] = {}
        self.ca_file = authority.certificate_file
        pair = authority.issue("notary")
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(pair.certificate_file, pair.key_file)
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"https://127.0.0.1:{self.server_address[1]}"

    def answer(self, path: str) -> Answer:
        """The answer to a GET."""
        if path.endswith("/v2/"):
            return Answer(200, b"{}")
        address = _ADDRESS.fullmatch(path)
        sim = self.simulators.get(address["place"]) if address else None
        if address is None or sim is None or address["gun"] != sim.gun:
            return Answer(404, b"")
        return sim.answer(address["name"])


class _Handler(StreamRequestHandler):
    """One connection, no headers looked at: a real web server takes longer than everything else here."""

    server: _Server
    disable_nagle_algorithm = True  # or each request waits for the client's delayed acknowledgement

    def setup(self) -> None:
        """Shake hands here, in the connection's own thread."""
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        """Answer one request after another, until the client or the simulator hangs up."""
        with suppress(OSError):  # a client that was promised too much hangs up
            while request_line := self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                answer = self.server.answer(request_line.split()[1].decode())
                if answer == NO_ANSWER:
                    return
                redirect = "Location: /elsewhere\r\n" if 300 <= answer.status < 400 else ""
                head = f"HTTP/1.1 {answer.status} \r\nContent-Length: {len(answer.body)}\r\n{redirect}\r\n"
                self.wfile.write(head.encode() + answer.body)

    def finish(self) -> None:
        """Close what was wrapped around the socket."""
        with suppress(OSError):
            super().finish()
        self.request.close()

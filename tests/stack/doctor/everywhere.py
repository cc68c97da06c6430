"""Starts a registry that listens everywhere, and looks for it under the addresses of this machine.

    python -m tests.stack.doctor.everywhere DIRECTORY PORT

It is a program of its own so that it can run in another network namespace than the tests.
"""

import asyncio
import sys
from pathlib import Path

from yarl import URL

from deploy.stack.daemons import running
from deploy.stack.programs import program
from deploy.stack.web import answers
from proxy.clock import Clock
from proxy.doctor import past
from proxy.doctor.findings import Hop


def main(directory: Path, port: int) -> None:
    """Print every finding."""
    url, hop = f"http://127.0.0.1:{port}", Hop("past the proxy")
    command = [program("docker-registry"), "serve", str(directory / "registry.json")]
    with running(command, name="registry", directory=directory, answers=lambda: answers(f"{url}/v2/")):
        asyncio.run(past.examine(hop, URL(url), Clock()))
    for finding in hop.findings:
        sys.stdout.write(f"{finding.level} {finding.hop}: {finding.sentence}: {finding.remedy}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""A command that is forked is the one that people start: the same words, status, directory and environment."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from deploy.stack import forking
from deploy.stack.commands import Outcome, run
from deploy.stack.ports import free_port
from deploy.stack.proxy import tagwarden, write_configuration
from tests.stack.configuration import wait_for

_SETTINGS = {
    "name": "registry.example.com",
    "registry": {"url": "http://127.0.0.1:9"},
    "notaries": {"corp": {"url": "https://127.0.0.1:9", "roots": "tofu"}},
    "repositories": {"**": {"signed_by": "released"}},
}
_WORDS = ("config", "check", "-c", "config.yaml")


def _started(home: Path, **environment: str) -> Outcome:
    return run([str(tagwarden()), *_WORDS], home=home, environment=environment)


def _as_people_do(home: Path, **environment: str) -> tuple[int, str]:
    ended = subprocess.run(
        [str(tagwarden()), *_WORDS],
        cwd=home,
        env={"HOME": str(home), "LC_ALL": "C.UTF-8", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return ended.returncode, ended.stdout.decode()


def test_it_ends_as_it_would(tmp_path: Path) -> None:
    """Its status and both outputs are the same, for a file that is right and for one that is wrong."""
    write_configuration(tmp_path, _SETTINGS)
    _started(tmp_path)
    assert forking.template_for([str(tagwarden()), *_WORDS])
    for environment, status in (({}, 0), ({"TAGWARDEN__REGISTRY__URL": "nonsense"}, 2)):
        forked = _started(tmp_path, **environment)
        assert (forked.status, forked.output) == _as_people_do(tmp_path, **environment)
        assert forked.status == status


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 0)])
def test_it_is_a_process(tmp_path: Path, number: int, code: int) -> None:
    """It has an id and a session of its own, and its end is told as that of any child."""
    settings = {
        **_SETTINGS,
        "listen": {"address": f"127.0.0.1:{free_port()}"},
        "probes": {"address": f"127.0.0.1:{free_port()}"},
    }
    words = [str(tagwarden()), "serve", "-c", str(write_configuration(tmp_path, settings))]
    template = forking.template_for(words) or forking.template_for(words)
    assert template
    with (tmp_path / "log").open("wb") as log, Path(os.devnull).open("rb") as nothing:
        streams = (nothing.fileno(), log.fileno(), log.fileno())
        process = template.start(words, tmp_path, dict(os.environ), streams, own_session=True)
    assert '"event":"serving"' in wait_for((tmp_path / "log").read_text, lambda seen: '"serving"' in seen)
    assert process.poll() is None
    assert os.getsid(process.pid) == process.pid
    process.send_signal(number)
    assert process.wait(20) == code
    assert not Path(f"/proc/{process.pid}").exists()

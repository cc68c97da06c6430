"""`make demo`: starts everything, tells the story, and keeps running until Ctrl-C; with `ONCE=1` it ends by itself."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

from deploy.demo import report
from deploy.demo.performance import Busy, performance
from deploy.demo.pulling import Seen, do
from deploy.demo.screen import Screen
from deploy.stack.commands import CommandFailed
from deploy.stack.daemons import DaemonFailed
from deploy.stack.programs import ProgramMissing

_STATE: Final = Path(__file__).parents[2] / ".state"
_INTERRUPTED: Final = 130


def main() -> int:
    """Run the demo; return 0 if every step ended as expected, 130 if it was stopped before, else 1."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _stop)
    screen = Screen()
    told = False
    good = False
    try:
        with performance(_STATE, screen) as (stage, proxy, story):
            screen.say()
            seen: list[Seen] = []
            for number, step in enumerate(story, 1):
                with screen.step(f"{number:2}. {step.client} {report.short(step.reference)}: {step.title}"):
                    seen.append(do(stage, proxy, step))
            told, good = True, all(each.as_expected for each in seen)
            screen.say()
            screen.console.print(report.table(seen))
            screen.console.print(report.verdict(seen))
            if os.environ.get("ONCE") != "1":
                screen.say(f"\nEverything goes on running:\n{report.addresses(stage)}\n\nTo try:")
                for command in report.commands(stage):
                    screen.say(f"  {command}")
                screen.say("\nCtrl-C stops it all.")
                signal.pause()
    except KeyboardInterrupt:
        screen.say("\nStopped.")
    except (Busy, CommandFailed, DaemonFailed, ProgramMissing) as problem:
        screen.say(f"\n{problem}")
        return 1
    if not told:
        return _INTERRUPTED
    return 0 if good else 1


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Stopping the daemons takes a moment and must not be interrupted in its turn.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

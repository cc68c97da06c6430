"""The one place that starts background tasks: each has a name, and nobody loses a reference to one."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

_Result = TypeVar("_Result")
_RUNNING: Final[set[asyncio.Task[Any]]] = set()


def spawn(work: Coroutine[Any, Any, _Result], *, name: str) -> asyncio.Task[_Result]:
    """Start `work` beside the caller and keep it alive until it ends.

    The loop holds only weak references to tasks, so an unreferenced one can vanish half way.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    _RUNNING.add(task)
    task.add_done_callback(_RUNNING.discard)
    return task

"""How many processes `workers: auto` is."""

import math
import os
from pathlib import Path
from typing import Final

from proxy.limits import WORKERS

_CPU_MAX: Final = Path("/sys/fs/cgroup/cpu.max")


def one_a_core(cpu_max: Path = _CPU_MAX) -> int:
    """One for each core that this process may use, as its affinity and the limit of its control group leave them."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = map(int, cpu_max.read_text(encoding="ascii").split())
        cores = min(cores, math.ceil(quota / period))
    except (OSError, ValueError, ZeroDivisionError):
        pass  # no limit is said, as `max`, or in no way that is known here
    return min(max(1, cores), WORKERS)

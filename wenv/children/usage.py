"""How much memory processes use: what is theirs alone, and not code that they share."""

import os
import subprocess
from collections.abc import Sequence


def memory_of(processes: Sequence[int]) -> int | None:
    """Bytes that these processes have together, by their numbers; None where the system does not tell."""
    if os.path.isdir("/proc/self"):
        return sum(map(_anonymous, processes))
    try:
        line = ["ps", "-o", "rss=", "-p", ",".join(map(str, processes))]
        return sum(map(int, subprocess.run(line, capture_output=True, check=True).stdout.split())) * 1024
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None


def _anonymous(process: int) -> int:
    """Memory that is no file's, in bytes; 0 for a process that has ended.  Source: proc_pid_status(5)."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(("RssAnon:", "RssShmem:")))
    except (OSError, ValueError, IndexError):
        return 0

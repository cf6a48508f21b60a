"""Programs that a program starts, under CPython's own `subprocess`, `multiprocessing` and `asyncio`.

Each runs in a sandbox of its own on the host, which wenv/children keeps.  Here is what these modules ask the system for: pipes,
`fork_exec`, `waitpid`, `kill`, and semaphores.
"""

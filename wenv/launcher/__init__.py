"""The short way to run a program: from a launch plan to the guest, with the fewest imports on the host.

Starting Python and importing are most of what a short run costs, so these modules import `ctypes`, each other and what the
interpreter brings, nothing else: no typing, pathlib or json, and no wasmtime (a test holds the list).  Whatever is unusual (no
plan, a plan that does not fit any more, an option that is not known here) is left to the long way, `wenv.run.run`, which makes
what is missing, says what is wrong, and writes the plan for next time.
"""

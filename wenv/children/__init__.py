"""Programs that a program in a sandbox starts: each runs in a sandbox of its own, in a process that one keeper looks after.

`wenv.launcher.children` starts the keeper at a run's first order; what the guest makes of it is in wenv/guest/processes.
"""

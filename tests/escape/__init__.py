"""Programs that try to leave the sandbox, in each way of starting one.

``python -m tests.escape`` prints how many were tried and what came of them.
"""

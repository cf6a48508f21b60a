"""The store under fire: killed, crowded, full, read-only, damaged, and with a clock set back.

Each module is one subject: ``fire(lab, …)`` returns a `Report`.  ``python -m tests.fire`` runs them and prints the counts.
"""

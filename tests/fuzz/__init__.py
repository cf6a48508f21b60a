"""Fuzzers of everything that reads what came from elsewhere: ``python -m tests.fuzz [NAME ...] [--seconds 60]``.

========== ==============================================================================================
manifests  manifests of environments, and configurations of ``.wenv`` files
locks      lock files
answers    what services in a guest answer, and the frames in which another process sends them
archives   code archives, and the marshalled files that they are made of
start_file scripts, start files and memory images, as the native launcher reads them (start_file.c)
========== ==============================================================================================

The Python ones run under atheris (``pip install atheris``; it has wheels for CPython 3.11 to 3.13 on Linux), the last one is
built with clang (Debian: ``clang libclang-rt-14-dev``).  ``corpus`` holds for each the inputs that it starts from, among them
one for every finding that was mended; the tests read them all again, without either.
"""

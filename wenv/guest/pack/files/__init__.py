"""Files in memory, behind Python's own file functions: what a packed component has in place of a file system.

WASI shows a program only the folders that its host grants.  Here ``/python`` (the standard library and the layers) and ``/app``
(the program's own files), which cannot be changed, ``/tmp`` and ``/dev`` are kept in memory, and the functions of `os`, `posix`
and `io` are replaced by ones that look there first; all other paths are the host's as ever.  A ``/tmp`` or ``/dev`` that the
host grants is used instead.  What opens files below Python (extension modules) does not see any of these; `sqlite3` is answered
by databases in memory that are read from, and written back to, such files.

Packed contents are compressed one by one with zlib, and unpacked when they are opened.  There are no symbolic links and no
owners; names of functions, arguments and errors are those of POSIX and of CPython's own.
"""

"""What the host tells the attempts; a program that runs has values in place of these."""

GIVEN = {
    "root": "",  # put before the guest's own folders: a copy of them, where attempts run outside of a sandbox
    "work": "/work",  # the shared folder, in which the program starts
    "fixed": "/work",  # a folder with the same files that the program may not change
    "outside": "/outside",  # the folder beside the shared one; not shared
    "store": "/store",
    "data": "/data",
    "host": "name",  # the machine's name
    "prefix": "",  # where wenv is installed, backwards
    "tcp": "0",
    "udp": "0",
}

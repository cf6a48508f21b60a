"""Stands in for `termios`: no descriptor is a terminal whose settings could be read or changed, and each function says so."""

import errno
import os
from typing import NoReturn

#: Linux's values, in the order of its header; `tty` wants them when it is imported.
FLAGS = {
    "BRKINT": 2, "CREAD": 128, "CS8": 48, "CSIZE": 48, "ECHO": 8, "ECHOE": 16, "ECHOK": 32, "ECHONL": 64, "HUPCL": 1024,
    "ICANON": 2, "ICRNL": 256, "IEXTEN": 32768, "IGNBRK": 1, "IGNCR": 128, "IGNPAR": 4, "INLCR": 64, "INPCK": 16, "ISIG": 1,
    "ISTRIP": 32, "IXANY": 2048, "IXOFF": 4096, "IXON": 1024, "NOFLSH": 128, "OCRNL": 8, "ONLCR": 4, "ONLRET": 32, "ONOCR": 16,
    "OPOST": 1, "PARENB": 256, "PARMRK": 8, "TOSTOP": 256, "CLOCAL": 2048, "CSTOPB": 64, "PARODD": 512, "OFILL": 64,
    "OFDEL": 128, "NLDLY": 256, "CRDLY": 1536, "TABDLY": 6144, "BSDLY": 8192, "VTDLY": 16384, "FFDLY": 32768,
    "TCSANOW": 0, "TCSADRAIN": 1, "TCSAFLUSH": 2, "TCIFLUSH": 0, "TCOFLUSH": 1, "TCIOFLUSH": 2, "TCOOFF": 0, "TCOON": 1,
    "TCIOFF": 2, "TCION": 3, "VINTR": 0, "VQUIT": 1, "VERASE": 2, "VKILL": 3, "VEOF": 4, "VTIME": 5, "VMIN": 6, "VSTART": 8,
    "VSTOP": 9, "VSUSP": 10, "VEOL": 11, "NCCS": 32, "B9600": 13, "B38400": 15, "B115200": 4098, "TIOCGWINSZ": 0x5413,
    "TIOCSWINSZ": 0x5414, "TIOCSTI": 0x5412, "FIONREAD": 0x541B,
}  # fmt: skip
globals().update(FLAGS)


class error(Exception):  # noqa: N801, N818
    """As `termios.error`."""


def _refuse(*_: object, **__: object) -> NoReturn:
    raise error(errno.ENOTTY, os.strerror(errno.ENOTTY))


tcgetattr = tcsetattr = tcsendbreak = tcdrain = tcflush = tcflow = tcgetwinsize = tcsetwinsize = _refuse

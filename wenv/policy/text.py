"""Variables and sizes as users write them."""

import os
import re

from wenv.errors import UsageError
from wenv.policy.policy import LARGEST, parse_grant, parse_listening, parse_secret

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def parse_variable(text: str) -> tuple[str, str | None]:
    """Read ``NAME=VALUE``, or ``NAME`` for the value that the host's has at the time of a run; raises UsageError."""
    name, given, value = text.partition("=")
    if not name or "\0" in text:
        raise UsageError(f"--env {text}: not NAME or NAME=VALUE")
    if not given:
        if name not in os.environ:
            raise UsageError(f"--env {name}: not set here", f"give a value: --env {name}=VALUE")
        return name, None
    return name, value


#: What names hosts: how a text is read, and examples.
HOSTS = {
    "net": (parse_grant, "example.org:443, *.example.org, 10.0.0.0/8:5432 or all"),
    "listen": (parse_listening, "8000 or 0.0.0.0:8000"),
    "secret": (parse_secret, "API_KEY@api.example.org:443"),
}


def parse_host(kind: str, text: str, shown: str = "") -> str:
    """Read a text of one of these kinds; `shown` is what errors call it, an option of the kind's name if nothing else.

    Raises UsageError.
    """
    parse, examples = HOSTS[kind]
    shown = shown or f"--{kind}"
    try:
        return parse(text)
    except (ValueError, UnicodeError) as error:
        hint = f"for example {examples}"
        if "://" in text:
            hint = f"a host, without {text.partition('://')[0]}://: {text.partition('://')[2].partition('/')[0]}"
        raise UsageError(f"{shown} {text}: {error}", hint) from None


def parse_size(text: str) -> int:
    """Read a size such as ``512M`` as bytes; raises UsageError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", text.strip().lower(), re.ASCII)
    size = int(float(match[1]) * _UNITS[match[2]]) if match and len(match[1]) < 20 else -1
    if not 0 <= size <= LARGEST:
        raise UsageError(f"not a size: {text}", "for example 64M, 2G or 500000")
    return size

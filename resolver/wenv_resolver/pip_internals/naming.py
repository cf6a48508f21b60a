"""Names for requirements that are an address alone."""

import re
from email.parser import BytesParser
from typing import TYPE_CHECKING

from pip._internal.req.constructors import install_req_from_line

from wenv_resolver.errors import RequirementsError
from wenv_resolver.pip_internals.metadata import source_of
from wenv_resolver.pip_internals.requirements import with_address

if TYPE_CHECKING:
    from wenv_resolver.building.describing import Describer


_EXTRAS = re.compile(r"(.*?)(?:\[([^\[\]]*)\])?( ;.*)?", re.DOTALL)


def name_of(text: str, sources: "Describer") -> str:
    """A requirement that is an address (with extras and a marker) with the name of the project there before it.

    Raises RequirementsError, FetchError and BuildError.
    """
    address, extras, marker = _EXTRAS.fullmatch(text).groups()  # type: ignore[union-attr]
    requirement = install_req_from_line(f"{address}{marker or ''}")  # pip takes extras behind a path, and not behind an address
    requirement.extras = {*requirement.extras, *filter(None, map(str.strip, (extras or "").split(",")))}
    if requirement.link is None:
        raise RequirementsError(f"{text} names no package")
    name = requirement.name or BytesParser().parsebytes(sources.metadata(source_of(requirement.link, None)))["Name"]
    return with_address(requirement, name)

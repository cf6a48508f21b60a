"""Requirements as pip reads them: from a command line, and from requirements files with all that these name."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from packaging.utils import InvalidSdistFilename, parse_sdist_filename
from pip._internal.exceptions import PipError
from pip._internal.models.link import Link
from pip._internal.models.wheel import Wheel
from pip._internal.req.constructors import install_req_from_line, install_req_from_parsed_requirement
from pip._internal.req.req_file import (
    ParsedRequirement,
    RequirementsFileParser,
    get_line_parser,
    handle_line,
)
from pip._internal.req.req_install import InstallRequirement

from wenv_resolver.building.static_metadata import name_of_folder
from wenv_resolver.errors import RequirementsError
from wenv_resolver.pip_internals.process import collecting, repository, words_of
from wenv_resolver.requirements import IndexOptions, Line, Requested, bracketed, without_credentials

#: How pip's option parser begins a line: with the name of a program that is not pip.
_OTHER_PROGRAM = re.compile(r"^\S+: error: ")


def read_requirement(text: str, origin: str, *, editable: bool = False) -> Line:
    """A requirement as pip's command line takes it: a name with specifiers and markers, a wheel's path or URL.

    Raises RequirementsError, also for something `editable` that is no folder here.
    """
    with _readable(origin):
        return _line(install_req_from_line(text, comes_from=origin), origin, editable=editable)


def read_requirements_file(path: Path, options: IndexOptions, *, constraint: bool = False) -> Requested:
    """A requirements file with all that it names: nested files, constraints, hashes, index options.

    Raises RequirementsError.
    """
    if not path.exists() or path.is_dir():
        raise RequirementsError(f"{path} is not a file")
    requirements: list[Line] = []
    constraints: list[Line] = []
    with _readable(str(path)):
        own = repository(options, None)
        finder = own.finder
        parse = get_line_parser(finder)
        usual = vars(parse("name")[1])
        for read in RequirementsFileParser(own.session, parse).parse(str(path), constraint):
            parsed = handle_line(read, options=own.options, finder=finder, session=own.session)
            if parsed is None:
                continue
            _check_options(parsed, vars(read.opts), usual)
            requirement = install_req_from_parsed_requirement(parsed)
            line = _line(requirement, parsed.comes_from or str(path), editable=parsed.is_editable)
            (constraints if parsed.constraint else requirements).append(line)
        if own.options.require_hashes and (bare := [line.text for line in requirements if not line.hashes]):
            raise RequirementsError(f"{path}: --require-hashes, and no hash for {', '.join(bare)}")
        given = repository(IndexOptions(), None)
        found = IndexOptions(
            index_url=next((url for url in finder.index_urls[:1] if url not in given.finder.index_urls[:1]), None),
            extra_index_urls=tuple(url for url in finder.index_urls[1:] if url not in given.finder.index_urls),
            find_links=tuple(link for link in finder.find_links if link not in given.finder.find_links),
            trusted_hosts=tuple(own.options.trusted_hosts),
            no_index=bool(finder.search_scope.no_index) and not given.finder.search_scope.no_index,
            no_binary=tuple(sorted(finder.format_control.no_binary - given.finder.format_control.no_binary)),
            only_binary=tuple(sorted(finder.format_control.only_binary - given.finder.format_control.only_binary)),
            pre=finder.release_control is not None and ":all:" in finder.release_control.all_releases,
        )
    return Requested(tuple(requirements), tuple(constraints), found)


def _check_options(parsed: ParsedRequirement, given: Mapping[str, object], usual: Mapping[str, object]) -> None:
    """Raises RequirementsError for an option beside a requirement that would be obeyed by nobody, as pip ignores it."""
    obeyed = ("hashes", "editables", "constraints")
    if ignored := sorted(name for name, value in given.items() if value != usual.get(name) and name not in obeyed):
        options = ", ".join(f"--{name.replace('_', '-')}" for name in ignored)
        raise RequirementsError(
            f"{parsed.comes_from}: {parsed.requirement}: {options} cannot be obeyed for one requirement",
            "`wenv build NAME --config-setting KEY=VALUE` builds a wheel with settings of its own"
            if "config_settings" in ignored
            else "options of the whole file stand in lines of their own",
        )


def _line(requirement: InstallRequirement, origin: str, *, editable: bool = False) -> Line:
    marker = f" ; {requirement.markers}" if requirement.markers else ""
    link = requirement.link
    if editable and not (link is not None and link.is_file and link.is_existing_dir()):
        shown = link.url if link is not None else str(requirement.req)
        way = "without -e it is installed as it is; clone a repository first to change it"
        raise RequirementsError(f"{origin}: -e {without_credentials(shown)}: not a project's folder here", way)
    if requirement.link is not None:
        # with a marker it may not be needed at all: then it is missed where it is
        if requirement.link.is_file and not requirement.markers and not Path(requirement.link.file_path).exists():
            raise RequirementsError(f"{origin}: no such file: {requirement.link.file_path}")
        name = requirement.name or _name_of(requirement.link)
        text = with_address(requirement, name)
    else:
        text = f"{requirement.req}{marker}"
    hashes = requirement.hash_options
    if hashes and "sha256" not in hashes:
        raise RequirementsError(f"{origin}: {text}: its hashes are {', '.join(hashes)}; sha256 is needed")
    return Line(text, tuple(hashes.get("sha256", ())), origin, editable)


def with_address(requirement: InstallRequirement, name: str | None) -> str:
    """A requirement that has an address as text: with the project's name before it, if that is known."""
    assert requirement.link is not None
    extras = bracketed(requirement.extras)
    marker = f" ; {requirement.markers}" if requirement.markers else ""
    url = requirement.link.url
    return f"{name}{extras} @ {url}{marker}" if name else f"{url}{extras}{marker}"


def _name_of(link: Link) -> str | None:
    """The project behind a link, by a file's name or by what a folder says; None if that shows only once it is built."""
    if link.is_file and link.is_existing_dir():
        return name_of_folder(Path(link.file_path))
    with suppress(InvalidSdistFilename):
        return parse_sdist_filename(link.filename)[0]
    return Wheel(link.filename).name if link.filename.endswith(".whl") else None


@contextmanager
def _readable(origin: str) -> Iterator[None]:
    try:
        with collecting():
            yield
    except UnicodeDecodeError as error:
        way = "save it as UTF-8, or say its encoding in the first line: # -*- coding: latin-1 -*-"
        raise RequirementsError(f"{origin} is not UTF-8: {error}", way) from error
    except (PipError, ValueError, OSError) as error:
        lines = [_OTHER_PROGRAM.sub("", line) for line in words_of(error).splitlines() if line.strip()]
        raise RequirementsError(f"{origin}: {'; '.join(lines)}") from error

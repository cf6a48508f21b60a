"""Index pages and metadata, fetched ahead of the resolver and in parallel: it walks the requirements as pip would most likely.

What was guessed wrong costs a download and changes nothing: pip asks for the same addresses, and finds the answers here.

A wheel's metadata come from the index (PEP 658), out of a part of a large file (range requests), or of a whole one; they are
kept, under the file's address and digest.
"""

import hashlib
import io
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from email.parser import BytesHeaderParser
from pathlib import Path
from threading import Lock
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from pip._internal.index.collector import IndexContent, LinkCollector
from pip._internal.models.link import Link
from pip._internal.network.lazy_wheel import dist_from_wheel_url
from pip._vendor.packaging.utils import canonicalize_name as pip_name

from wenv_cache.files import write_atomically
from wenv_resolver.bounds import bounded
from wenv_resolver.pip_internals.downloads import stream_link
from wenv_resolver.pip_internals.metadata import metadata_inside
from wenv_resolver.pip_internals.pages import Page, Slim, version_of
from wenv_resolver.requirements import Line, Requested
from wenv_resolver.target import Target

#: Requests at a time: fewer than pip keeps connections to one host.
PARALLEL = 8
#: Of wheels above this size (bytes) only a part is fetched.
LARGE = 8 << 20
METADATA = "metadata"


class PrefetchingCollector(LinkCollector):
    """pip's collector of pages, which may have been fetched already, and are made smaller."""

    ahead: "Prefetcher"

    def fetch_response(self, location: Link, package_name: str | None = None) -> IndexContent | None:
        name = canonicalize_name(package_name or "")
        if not location.url.startswith(("https:", "http:")):
            return super().fetch_response(location, package_name)
        fetched = self.ahead.page(location.url, name)
        if fetched.cancelled():
            return super().fetch_response(location, package_name)
        page = fetched.result()
        return None if page is None else self.ahead.slim(page, name)


class Prefetcher:
    """Walks requirements in threads.  A context manager: what is not fetched at its end is given up.  Metadata are kept below
    `folder`."""

    def __init__(
        self,
        collector: LinkCollector,
        requested: Requested,
        target: Target,
        folder: Path,
        preferred: Sequence[tuple[str, str]],
        pages: "dict[str, Future[Page | None]]",
        whole: Collection[str],
    ) -> None:
        collector.__class__ = PrefetchingCollector  # pip makes it itself; the subclass adds a reference
        self._collector, self._target, self._requested = collector, target, requested
        self._limits = limits_of([*requested.requirements, *requested.constraints])
        self._pages, self.slim = pages, Slim(target, whole, self._limits, dict(preferred))
        collector.ahead = self  # type: ignore[attr-defined]
        self._pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="prefetch")
        self._seen, self._lock = set[tuple[str, frozenset[str]]](), Lock()
        self._folder, self._metadata = folder, dict[str, Future[bytes | None]]()

    def __enter__(self) -> "Prefetcher":
        for line in self._requested.requirements if not self._requested.options.no_index else ():
            with suppress(ValueError):  # a mistake, or a marker that compares what cannot be compared: pip says so
                self._visit(Requirement(line.text), frozenset())
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _visit(self, requirement: Requirement, extras: frozenset[str]) -> None:
        """Fetch what a requirement names, unless that was done, or it does not hold for any of the extras."""
        name, marker = canonicalize_name(requirement.name), requirement.marker
        if marker is not None and not any(marker.evaluate({**self._target.markers, "extra": e}) for e in extras or {""}):
            return
        wanted = (name, frozenset(requirement.extras))
        if requirement.url or name in self._target.contained:
            return
        with self._lock:
            if wanted in self._seen:
                return
            self._seen.add(wanted)
        for location in self._collector.search_scope.get_index_urls_locations(name):
            if not self._collector.session.is_secure_origin(Link(location)):
                continue  # pip will not read it either
            page = self.page(location, name)
            page.add_done_callback(lambda done, r=requirement: self._go_on(done, r))  # type: ignore[misc]

    def metadata(self, link: Link, size: int | None = None) -> bytes | None:
        """METADATA of a wheel behind a link, of `size` bytes if that is known; None if pip is to find out how it can be had."""
        sha256 = dict(link._hashes or {}).get("sha256")
        if sha256 is None or not link.url.startswith(("https:", "http:")):
            return None
        key = hashlib.sha256(f"{link.url_without_fragment} {sha256}".encode()).hexdigest()
        with self._lock:
            fetched = self._metadata.get(key)
            mine = fetched is None
            fetched = self._metadata.setdefault(key, Future())
        if mine:
            try:
                fetched.set_result(self._kept_metadata(link, sha256, size, self._folder / METADATA / key[:2] / key))
            except Exception:  # whatever it is, pip meets it too, and has the words
                fetched.set_result(None)
        return fetched.result()

    def _kept_metadata(self, link: Link, sha256: str, size: int | None, path: Path) -> bytes | None:
        with suppress(OSError):
            return path.read_bytes()
        session, wanted = self._collector.session, link.metadata_link()
        if wanted is not None:
            text = b"".join(stream_link(session, wanted.url_without_fragment))
            promised = dict(wanted._hashes or {}).get("sha256")
            if promised is not None and hashlib.sha256(text).hexdigest() != promised:
                return None
        elif size is not None and size > LARGE:
            part = dist_from_wheel_url(pip_name(link.filename.partition("-")[0]), link.url_without_fragment, session)
            text = part.read_text("METADATA").encode()
        else:
            whole = b"".join(bounded(stream_link(session, link.url_without_fragment), link.filename, size))
            if hashlib.sha256(whole).hexdigest() != sha256:
                return None
            text = metadata_inside(io.BytesIO(whole), link.filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
        return text

    def _submit(self, call: Any, *arguments: Any) -> "Future[Any]":
        try:
            return self._pool.submit(call, *arguments)
        except RuntimeError:  # it is over
            nothing: Future[Any] = Future()
            nothing.cancel()
            return nothing

    def page(self, location: str, name: str) -> "Future[Page | None]":
        """A project's page, which is fetched once."""
        with self._lock:
            page = self._pages.get(location)
            if page is None:
                page = self._pages[location] = self._submit(self._page, location, name)
        return page

    def _page(self, location: str, name: str) -> Page | None:
        # what is parsed of a page must not be kept by its address: the page may come again, whole
        found = LinkCollector.fetch_response(self._collector, Link(location, cache_link_parsing=False), name)
        return None if found is None else Page.of(found)

    def _go_on(self, fetched: "Future[Page | None]", requirement: Requirement) -> None:
        # what is given up is told while the pool holds its lock: asking it for anything then would wait for ever
        if not fetched.cancelled():
            self._submit(self._follow, fetched, requirement)

    def _follow(self, fetched: "Future[Page | None]", requirement: Requirement) -> None:
        """Fetch the metadata of the version that will most likely be chosen, and what that needs."""
        page = None if fetched.exception() else fetched.result()
        if page is None or page.files is None:
            return
        limit = requirement.specifier & self._limits.get(canonicalize_name(requirement.name), SpecifierSet())
        with suppress(ValueError, TypeError, AttributeError, KeyError):
            address = newest(page, limit, self.slim)
            link = Link.from_json(dict(address), page.content.url) if address is not None else None
            text = self.metadata(link, address.get("size")) if link is not None and address is not None else None
            if text is None or self._requested.options.no_deps:
                return
            extras = frozenset(requirement.extras) | {""}
            for line in BytesHeaderParser().parsebytes(text).get_all("Requires-Dist", []):
                with suppress(InvalidRequirement):
                    self._visit(Requirement(line), extras)


def newest(page: Page, limit: SpecifierSet, slim: Slim) -> Mapping[str, Any] | None:
    """The pure wheel of the newest version within a limit; None if there is none."""
    found: tuple[Version, Mapping[str, Any]] | None = None
    for file in page.files or ():
        if slim.runs_anywhere(file):
            version = page.versions.get(version_of(file))
            if version is not None and (found is None or version > found[0]) and limit.contains(version):
                found = (version, file)
    return found[1] if found is not None else None


def limits_of(lines: Sequence[Line]) -> dict[str, SpecifierSet]:
    """What requirements and constraints without markers allow, by canonical name."""
    found: dict[str, SpecifierSet] = {}
    for line in lines:
        with suppress(InvalidRequirement):
            requirement = Requirement(line.text)
            if requirement.marker is None and requirement.url is None:
                name = canonicalize_name(requirement.name)
                found[name] = found.get(name, SpecifierSet()) & requirement.specifier
    return found

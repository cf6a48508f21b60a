"""Downloads the way pip does them: its proxies, certificates, credentials and retries."""

from collections.abc import Iterator
from typing import Any

from pip._internal.commands import create_command
from pip._internal.exceptions import PipError
from pip._internal.network.utils import HEADERS, raise_for_status, response_chunks
from pip._internal.utils.misc import remove_auth_from_url
from pip._vendor.requests.exceptions import RequestException

from wenv_resolver.errors import FetchError
from wenv_resolver.pip_internals.process import index_trouble, logging_kept, repository
from wenv_resolver.requirements import IndexOptions


class Downloader:
    """Downloads files the way pip would: its proxies, certificates, credentials and retries."""

    def __init__(self, options: IndexOptions) -> None:
        command = create_command("install")
        parsed, _ = command.parse_args([*options.pip_arguments(), "--no-cache-dir"])
        with logging_kept():
            self._session = command._build_session(parsed)  # type: ignore[attr-defined]

    def stream(self, url: str) -> Iterator[bytes]:
        """The content behind a URL, in pieces.  Raises FetchError."""
        yield from stream_link(self._session, url)


def find_file(project: str, filename: str) -> str:
    """The address of a wheel of a project, for this Python, on pip's configured indexes.  Raises FetchError."""
    links = [candidate.link for candidate in repository(IndexOptions(), None).finder.find_all_candidates(project)]
    found = [link for link in links if link.filename == filename]
    if not found:
        raise FetchError(
            f"{filename} is not on the package index that pip is configured for{index_trouble()}",
            "pip's configuration may name another, or a folder with the file: PIP_FIND_LINKS",
        )
    return found[0].url_without_fragment


def stream_link(session: Any, url: str) -> Iterator[bytes]:
    """The content behind a URL (also ``file:``), in pieces.  Raises FetchError."""
    try:
        response = session.get(url, headers=HEADERS, stream=True)
        raise_for_status(response)
        yield from response_chunks(response)
    except (PipError, RequestException, OSError) as error:
        raise FetchError(f"cannot download {remove_auth_from_url(url)}: {error}") from error
    except Exception as error:  # the HTTP library below requests has errors of its own for broken bodies
        if type(error).__module__.startswith("pip._vendor.urllib3"):
            raise FetchError(f"download of {remove_auth_from_url(url)} broke off: {error}") from error
        raise

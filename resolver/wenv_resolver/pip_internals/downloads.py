"""Downloads the way pip does them: its proxies, certificates, credentials and retries."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urljoin, urlsplit

from pip._internal.commands import create_command
from pip._internal.exceptions import PipError
from pip._internal.network.utils import HEADERS, raise_for_status, response_chunks
from pip._internal.utils.misc import remove_auth_from_url
from pip._vendor.requests.exceptions import RequestException

from wenv_resolver.errors import FetchError
from wenv_resolver.pip_internals.process import index_trouble, logging_kept, repository
from wenv_resolver.requirements import IndexOptions, without_credentials

#: How often an address may lead to another.
REDIRECTS = 10


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


def fetch_page(address: str, largest: int) -> tuple[bytes, str]:
    """What is behind an address, at most `largest` bytes, and the address that it was found at in the end.

    Only https is spoken, and http with this machine, wherever an address leads on to.  Raises FetchError.
    """
    session = Downloader(IndexOptions())._session
    for _ in range(REDIRECTS):
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
            raise FetchError(f"{without_credentials(address)}: only https addresses are read, and http of this machine")
        try:
            response = session.get(address, headers=HEADERS, stream=True, allow_redirects=False)
            if response.is_redirect:
                address = urljoin(address, response.headers["location"])
                continue
            raise_for_status(response)
            text = b""
            for chunk in response_chunks(response):
                text += chunk
                if len(text) > largest:
                    raise FetchError(f"{without_credentials(address)} is larger than {largest} bytes")
            return text, without_credentials(address)
        except (PipError, RequestException, OSError) as error:
            raise FetchError(f"cannot read {without_credentials(address)}: {error}") from error
    raise FetchError(f"{without_credentials(address)}: more than {REDIRECTS} redirects")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


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

"""Hosts as they are granted and asked for."""

import ipaddress
import socket

import pytest

from wenv.network import addresses
from wenv.network.addresses import address_of, canonical, is_public
from wenv.network.grants import Grant, Grants, Listening


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("example.org", "example.org"), ("Example.ORG.:443", "example.org:443"), ("*.example.org", "*.example.org"),
        ("bücher.example", "xn--bcher-kva.example"), ("10.0.0.1", "10.0.0.1"), ("10.0.0.0/8:5432", "10.0.0.0/8:5432"),
        ("::1", "::1"), ("[::1]:80", "[::1]:80"), ("fd00::/8", "fd00::/8"), ("all", "all"), ("all:443", "all:443"),
        ("localhost:5000", "localhost:5000"), ("db_1.internal", "db_1.internal"),
    ],
)  # fmt: skip
def test_a_grant_is_kept_as_it_is_read(text: str, kept: str) -> None:
    assert str(Grant.parse(text)) == kept
    assert Grant.parse(kept) == Grant.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "", ":80", "example.org:", "example.org:0", "example.org:65536", "example.org:http", "https://example.org", "a b",
        "example.org/path", "10.0.0.1/8", "10.0.0.0/33", "[::1", "[::1]80", "*", "*.", "a.*.b", "*.*.b", "127.1",
        "2130706433", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "1.2.3", "-a.example", "a..b", "a" * 64 + ".example",
        "fe80::1%eth0", "user@host", " example.org", "example.org ", "①②⑦.0.0.1",
    ],
)  # fmt: skip
def test_what_is_no_host_is_no_grant(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Grant.parse(text)


@pytest.mark.parametrize("text", ["127.1", "0x7f.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "017700000001", "1e3", "0x"])
def test_what_systems_read_as_addresses_is_no_name(text: str) -> None:
    assert address_of(text) is None
    if text != "1e3":
        with pytest.raises(ValueError, match="not a name"):
            canonical(text)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00::1", "64:ff9b::808:808", "2002:808:808::1",
        "::ffff:8.8.8.8", "192.0.1.1", "172.32.0.1", "100.128.0.1", "169.253.1.1",
    ],
)  # fmt: skip
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1", "168.63.129.16",
        "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
        "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:10.0.0.1",
        "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
        "2002:7f00:1::1", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1",
        "4000::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


def test_addresses_of_this_machine_are_not_public() -> None:
    """Services that listen on all of its addresses are its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("it has no address but loopback")
        own = ipaddress.ip_address(sock.getsockname()[0])
    assert addresses._is_this_machines(own)
    assert not addresses._is_this_machines(ipaddress.ip_address("8.8.8.8"))


def test_names_and_ports_are_compared() -> None:
    grants = Grants(tuple(map(Grant.parse, ("example.org:443", "*.example.net", "localhost:5000"))))
    assert grants.allows_name("example.org", 443)
    assert not grants.allows_name("example.org", 80)
    assert not grants.allows_name("www.example.org", 443)
    assert grants.allows_name("a.b.example.net", 80)
    assert not grants.allows_name("example.net", 80)
    assert not grants.allows_name("badexample.net", 80)
    for address in ("127.0.0.1", "::1"):
        assert grants.allows_number(ipaddress.ip_address(address), 5000)
        assert not grants.allows_number(ipaddress.ip_address(address), 5001)
    assert not grants.allows_number(ipaddress.ip_address("127.0.0.2"), 5000)


def test_all_is_what_is_public() -> None:
    everything = Grants((Grant.parse("all"),))
    assert everything.allows_name("example.org", 1)
    assert not everything.allows_name("localhost", 80)
    assert everything.allows_number(ipaddress.ip_address("8.8.8.8"), 53)
    assert not everything.allows_number(ipaddress.ip_address("10.0.0.1"), 53)
    assert not everything.may_lead("example.org", ipaddress.ip_address("169.254.169.254"), 80)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("8000", "127.0.0.1:8000"), ("0", "127.0.0.1:0"), ("localhost:80", "127.0.0.1:80"), ("0.0.0.0:1", "0.0.0.0:1"),
        ("[::]:8", "[::]:8"),
    ],
)  # fmt: skip
def test_what_is_listened_on(text: str, kept: str) -> None:
    assert str(Listening.parse(text)) == kept


@pytest.mark.parametrize("text", ["", "x", "example.org:80", "127.0.0.1", "127.0.0.1:70000", "-1", "127.1:80"])
def test_what_cannot_be_listened_on(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Listening.parse(text)

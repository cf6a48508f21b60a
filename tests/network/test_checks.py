"""What a run's checks let through, whatever a name server says."""

import socket
from typing import Any

import pytest

from wenv.network.addresses import address_of
from wenv.network.checks import Checks, RefusedError
from wenv.network.grants import Grant, Grants
from wenv.network.proxies import Proxies
from wenv.network.record import Record


class Names:
    """A name server: its answers for each question, the last again and again."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers, self.asked = answers, list[str]()

    def __call__(self, name: str, port: int, family: int = 0, kind: int = 0) -> list[Any]:
        self.asked.append(name)
        rounds = self.answers[name.partition(".")[0]]
        found = rounds.pop(0) if len(rounds) > 1 else rounds[0]
        return [
            (socket.AF_INET6, kind, 6, "", (each, port, 0, 0)) if ":" in each else (socket.AF_INET, kind, 6, "", (each, port))
            for each in found
        ]


def checks(names: Names, *grants: str, proxies: dict[str, str] | None = None) -> Checks:
    return Checks(Grants(tuple(map(Grant.parse, grants))), Record(), resolver=names, proxies=Proxies(proxies or {}))


def reached(made: Checks, host: str, port: int, family: int = socket.AF_INET) -> str:
    """The address that a connection would go to."""
    return str(made.target(host, port, family)[2])


def test_an_address_may_be_connected_to_once_a_granted_name_has_led_there() -> None:
    made = checks(Names(good=[["93.184.216.34"]]), "good.test:443")
    with pytest.raises(RefusedError, match=r"may not reach 93\.184\.216\.34:443"):
        made.target("93.184.216.34", 443, socket.AF_INET)
    assert made.resolve("good.test", 443, 0) == [(socket.AF_INET, ("93.184.216.34", 443))]
    assert made.target("93.184.216.34", 443, socket.AF_INET)[1] == "good.test"
    with pytest.raises(RefusedError):
        made.target("93.184.216.34", 80, socket.AF_INET)


def test_rebinding_leads_nowhere() -> None:
    """The same name leads to a public address first, and to one of the host's networks then."""
    names = Names(evil=[["93.184.216.34"], ["127.0.0.1"], ["10.0.0.7"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"]])
    made = checks(names, "evil.test:9080", "127.0.0.1:9100", "10.0.0.0/8:1")
    assert reached(made, "evil.test", 9080) == "93.184.216.34"
    for _ in range(5):
        with pytest.raises(RefusedError, match="which is not public"):
            made.target("evil.test", 9080, socket.AF_INET)
    for address in ("127.0.0.1", "10.0.0.7", "169.254.169.254", "::1"):
        with pytest.raises(RefusedError):
            made.target(address, 9080, socket.AF_INET6 if ":" in address else socket.AF_INET)


def test_what_is_not_public_counts_where_it_is_granted_by_number_with_the_port() -> None:
    made = checks(Names(db=[["10.1.2.3"]]), "db.corp:5432", "10.1.0.0/16:5432")
    assert reached(made, "db.corp", 5432) == "10.1.2.3"
    with pytest.raises(RefusedError, match=r"db\.corp leads to 10\.1\.2\.3, which is not public; --net 10\.1\.2\.3:80 allows"):
        checks(Names(db=[["10.1.2.3"]]), "db.corp", "10.1.0.0/16:5432").target("db.corp", 80, socket.AF_INET)


def test_of_mixed_answers_the_public_ones_are_left() -> None:
    made = checks(
        Names(mixed=[["127.0.0.1", "93.184.216.34", "fe80::1", "fd00::1", "64:ff9b::7f00:1", "0.0.0.0"]]), "mixed.test"
    )
    assert [where[0] for _, where in made.resolve("mixed.test", 80, 0)] == ["93.184.216.34"]
    with pytest.raises(RefusedError):
        made.target("127.0.0.1", 80, socket.AF_INET)


def test_names_that_are_not_granted_are_not_looked_up() -> None:
    names = Names(other=[["93.184.216.34"]])
    made = checks(names, "good.test:443", "*.good.test")
    for name, port in (("other.test", 443), ("good.test", 80), ("xgood.test", 443), ("good.test.other.test", 443)):
        with pytest.raises(RefusedError, match="allows it"):
            made.resolve(name, port, 0)
    assert names.asked == []


@pytest.mark.parametrize(
    "host",
    [
        "0x7f.0.0.1",
        "127.1",
        "2130706433",
        "0177.0.0.1",
        "a b",
        "x\0y",
        "-x.test",
        "user@good.test",
        "127.0.0.1%lo",
        "fe80::1%1",
    ],
)
def test_odd_spellings_are_refused_even_with_everything_granted(host: str) -> None:
    names = Names()
    with pytest.raises(RefusedError):
        checks(names, "all", "127.0.0.1:80").target(host, 80, socket.AF_INET)
    assert names.asked == []


def test_this_machine_is_not_looked_up_and_wants_its_port() -> None:
    names = Names()
    made = checks(names, "localhost:5000", "all")
    assert reached(made, "localhost", 5000) == "127.0.0.1"
    assert reached(made, "LOCALHOST.", 5000) == "127.0.0.1"
    assert reached(made, "localhost", 5000, socket.AF_INET6) == "::1"
    for host, port in (
        ("localhost", 5001),
        ("127.0.0.1", 5001),
        ("127.0.0.2", 5000),
        ("::ffff:127.0.0.1", 5001),
        ("0.0.0.0", 5000),
    ):
        with pytest.raises(RefusedError):
            made.target(host, port, socket.AF_INET)
    assert names.asked == []


def test_another_server_name_is_refused_on_a_granted_connection() -> None:
    made = checks(Names(), "good.test:443", "also.test")
    made.check_server_name("good.test", "good.test", 443)
    made.check_server_name("also.test", "good.test", 443)
    made.check_server_name(None, "good.test", 443)
    made.check_server_name("anything.test", None, 443)  # granted by number
    for name in ("other.test", "good.test.other.test", "www.good.test"):
        with pytest.raises(RefusedError, match="by way of good"):
            made.check_server_name(name, "good.test", 443)


def test_bytes_are_counted() -> None:
    made = Checks(Grants((Grant.parse("all"),), (), 1000), Record())
    made.count(999)
    made.count(1)
    with pytest.raises(RefusedError, match="has moved 1000 bytes"):
        made.count(1)


def test_a_name_behind_a_proxy_is_not_looked_up_here() -> None:
    names = Names()
    made = checks(names, "good.test:443", proxies={"https": "http://proxy.test:3128", "no": "own.test"})
    _, (address, _) = made.resolve("good.test", 443, 0)[0]
    found = address_of(str(address))
    assert found is not None
    assert made.target(str(address), 443, socket.AF_INET)[1] == "good.test"
    with pytest.raises(RefusedError):
        made.target(str(address), 80, socket.AF_INET6)
    assert names.asked == []


@pytest.mark.parametrize("proxy", ["socks5://proxy.test:1080", "https://proxy.test:443"])
def test_a_proxy_of_another_kind_is_named(proxy: str) -> None:
    with pytest.raises(RefusedError, match="the host's proxy cannot be used: it is one of"):
        checks(Names(), "good.test", proxies={"all": proxy}).resolve("good.test", 443, 0)


@pytest.mark.parametrize("variable", ["http://127.0.0.1:abc", "user:secret@127.0.0.1:70000"])
def test_a_proxy_that_is_written_wrong_is_named(variable: str) -> None:
    made = checks(Names(), "good.test", "8.8.8.8", proxies={"all": variable})
    for work in (lambda: made.resolve("good.test", 443, 0), lambda: made.proxy_for("8.8.8.8", 443)):
        with pytest.raises(
            RefusedError, match=r"the host's proxy cannot be used: 127\.0\.0\.1:\w+ has no port that is a number"
        ):
            work()


def test_this_machine_is_not_behind_the_proxy() -> None:
    made = checks(Names(), "localhost:5000", "*.localhost:5000", proxies={"all": "http://proxy.test:3128"})
    for name in ("localhost", "127.0.0.1", "a.localhost", "::1"):
        assert made.proxy_for(name, 5000) is None
        assert reached(made, name, 5000, socket.AF_INET6 if ":" in name else socket.AF_INET) in ("127.0.0.1", "::1")


def test_the_last_name_that_led_to_an_address_is_meant() -> None:
    made = checks(Names(good=[["8.8.8.8"]], also=[["8.8.8.8"]]), "good.test", "also.test")
    for name in ("good.test", "also.test", "good.test"):
        address = reached(made, name, 443)
        assert made.target(address, 443, socket.AF_INET)[1] == name


def test_a_name_that_nobody_has() -> None:
    def nobody(*_: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    made = Checks(Grants((Grant.parse("all"),)), Record(), resolver=nobody, proxies=Proxies({}))
    with pytest.raises(socket.gaierror, match="not known"):
        made.resolve("nobody.test", 80, 0)

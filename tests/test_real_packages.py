"""Fifteen packages that nobody here wrote, unpinned, from the configured package index; each does one real thing."""

import pytest

from tests.conftest import Wenv

#: What each package is asked to do, and what it must print.
DEEDS = {
    "requests": (
        "import requests; print(requests.Request('GET', 'https://h/p', params={'a': 1}).prepare().url)",
        "https://h/p?a=1",
    ),
    "rich": (
        "from rich.console import Console; from rich.table import Table\n"
        "t = Table('a'); t.add_row('b'); Console(width=20).print(t)",
        "┃ a ┃",
    ),
    "click": (
        "import click\n@click.command()\n@click.option('--n', type=int)\ndef f(n): print(n * 2)\n"
        "f(['--n', '21'], standalone_mode=False)",
        "42",
    ),
    "attrs": ("import attrs\n@attrs.frozen\nclass P:\n    x: int = attrs.field(converter=int)\nprint(P('3'))", "P(x=3)"),
    "httpx": (
        "import httpx; t = httpx.MockTransport(lambda r: httpx.Response(200, json={'path': r.url.path}))\n"
        "print(httpx.Client(transport=t).get('http://h/x').json())",
        "{'path': '/x'}",
    ),
    "beautifulsoup4": ("import bs4; print(bs4.BeautifulSoup('<p>a<b>c</b></p>', 'html.parser').b.text)", "c"),
    "networkx": ("import networkx as nx; print(nx.shortest_path(nx.cycle_graph(8), 0, 3))", "[0, 1, 2, 3]"),
    "sympy": ("from sympy import *; x = symbols('x'); print(integrate(x * exp(x), x))", "(x - 1)*exp(x)"),
    "pytest": ("import pytest\nwith pytest.raises(ZeroDivisionError):\n    1 / 0\nprint('raised')", "raised"),
    "pygments": (
        "from pygments import highlight, lexers, formatters\n"
        "print(highlight('x = 1', lexers.PythonLexer(), formatters.HtmlFormatter()))",
        '<span class="mi">1</span>',
    ),
    "more-itertools": ("from more_itertools import chunked; print(list(chunked(range(5), 2)))", "[[0, 1], [2, 3], [4]]"),
    "packaging": ("from packaging.version import Version; print(Version('1.10') > Version('1.9'))", "True"),
    "python-dateutil": (
        "from dateutil.parser import parse; print(parse('3 May 2021 10:00').isoformat())",
        "2021-05-03T10:00:00",
    ),
    "tomli-w": ("import tomli_w; print(tomli_w.dumps({'a': [1, 2]}).split())", "['a', '=', '[', '1,', '2,', ']']"),
    "tabulate": ("from tabulate import tabulate; print(tabulate([[1, 2]], headers='ab', tablefmt='pipe'))", "|   1 |   2 |"),
}


def test_fifteen_packages_from_one_file(wenv: Wenv) -> None:
    (wenv.folder / "requirements.txt").write_text("\n".join(DEEDS) + "\n")
    wenv("create", "-r", "requirements.txt", timeout=600)
    for name, (code, expected) in DEEDS.items():
        assert expected in wenv.python(code), name
    programs = wenv.json("info")["scripts"]
    assert {"pytest", "pygmentize", "httpx"} <= set(programs)
    (wenv.folder / "test_it.py").write_text("def test_it(tmp_path):\n    (tmp_path / 'x').write_text('x')\n")
    assert "1 passed" in wenv("run", "pytest", "-q")


def test_packages_that_cannot_run_are_all_listed(wenv: Wenv) -> None:
    error = wenv.result("create", "flask", "psycopg2", "requests", status=1).stderr
    assert "2 packages have no wheel that runs here" in error
    assert "markupsafe" in error
    assert "needed by flask, jinja2, werkzeug" in error
    assert "psycopg2" in error
    assert not (wenv.folder / ".wenv").exists()


def test_real_markers(wenv: Wenv) -> None:
    (wenv.folder / "requirements.txt").write_text(
        'tomli-w; sys_platform == "wasi"\ntabulate; sys_platform == "win32"\nidna; platform_system == "Linux"\n'
    )
    wenv("create", "-r", "requirements.txt")
    assert [package["name"] for package in wenv.json("info")["packages"]] == ["tomli-w"]


#: Among the most downloaded pure packages; imported under the name after the colon.
MANY = """
aiofiles anyio appdirs arrow asgiref attrs backoff blinker boltons cachetools certifi cloudpickle colorama construct
cssselect cycler decorator defusedxml deprecated:none dnspython:dns docopt docutils et-xmlfile:et_xmlfile execnet filelock
flit-core:flit_core fsspec google-auth:none h11 html5lib humanize hyperframe identify idna immutables:none inflect iniconfig
isodate itsdangerous jmespath jsonpointer jsonschema:none lark loguru markdown markdown-it-py:markdown_it marshmallow mdurl
mpmath mypy-extensions:mypy_extensions natsort nodeenv oauthlib openpyxl parso pathspec peewee:none phonenumbers pluggy ply
prettytable prompt-toolkit:prompt_toolkit pyasn1 pycparser pyparsing pypdf pyperclip pytz rdflib requests-oauthlib:requests_oauthlib
rsa semver six sniffio sortedcontainers soupsieve sqlparse tenacity termcolor texttable tinydb toml tomlkit toolz tqdm
typing-extensions:typing_extensions tzdata uritemplate urllib3 validators wcwidth webencodings werkzeug:none xmltodict zipp
""".split()


@pytest.mark.long
def test_many_packages_import(wenv: Wenv) -> None:
    chosen = {name: module or name for name, _, module in (each.partition(":") for each in MANY) if module != "none"}
    wenv("create", *chosen, timeout=900)
    code = f"""
import importlib, traceback
for name, module in {chosen}.items():
    try:
        importlib.import_module(module.replace('-', '_'))
    except Exception as error:
        print('FAILED', name, type(error).__name__, error)
"""
    assert wenv("run", "-c", code, timeout=600) == ""

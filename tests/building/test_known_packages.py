"""Packages with compiled code that nobody here wrote, built from their source distributions and used in the sandbox."""

import tomllib
from pathlib import Path

import pytest

from tests.conftest import Wenv

PACKAGES = tomllib.loads((Path(__file__).parent / "native.toml").read_text("utf-8"))


@pytest.mark.long
def test_flask_and_yaml(builds: Wenv) -> None:
    builds("create", "flask", "pyyaml", timeout=600)
    program = """
import flask, markupsafe._speedups, yaml
app = flask.Flask(__name__)
@app.get("/<name>")
def greet(name):
    return flask.render_template_string("<p>{{ name }}</p>", name=name)
print(app.test_client().get("/<Ada>").text)
print(yaml.safe_load(yaml.safe_dump({"a": [1, None, "x: y"]})))
print(markupsafe._speedups.__file__)
"""
    printed = builds.python(program).splitlines()
    assert printed[:2] == ["<p>&lt;Ada&gt;</p>", "{'a': [1, None, 'x: y']}"]
    assert printed[2].endswith(".so")
    assert "markupsafe (1 module)" in builds("info")


@pytest.mark.long
def test_many_packages_are_built_and_used(builds: Wenv) -> None:
    sources = [argument for name in PACKAGES for argument in ("--no-binary", name)]
    builds("create", *PACKAGES, *sources, timeout=3000)
    for name, deed in PACKAGES.items():
        assert deed["prints"] in builds.python(deed["code"]), name


NUMPY = """
import io, warnings
import numpy as np
a = np.arange(12.0).reshape(3, 4)
assert (a @ a.T == [[14, 38, 62], [38, 126, 214], [62, 214, 366]]).all()
big = np.random.default_rng(0).random((70, 1100))
assert np.allclose(big @ big.T, np.einsum("ij,kj->ik", big, big))
assert np.allclose(np.linalg.solve([[3, 1], [1, 2]], [9, 8]), [2, 3])
try:
    np.linalg.inv(np.zeros((2, 2)))
except np.linalg.LinAlgError as error:
    print(error)
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    np.array([1]) // np.array([0])
print(seen[0].message)
assert np.allclose(np.fft.ifft(np.fft.fft(a)), a)
assert 0 < np.random.default_rng(1).random() < 1
people = np.array([("Ada", 36), ("Bob", 41)], dtype=[("name", "U8"), ("age", "i4")])
assert people["age"].mean() == 38.5
assert np.ma.masked_array([1, 2, 3], mask=[False, True, False]).sum() == 4
print(np.datetime64("2024-02-28") + np.timedelta64(2, "D"))
assert np.loadtxt(io.StringIO("1 2\\n3 4")).sum() == 10
np.save("/tmp/a.npy", a)
assert (np.load("/tmp/a.npy") == a).all()
with open("/tmp/b", "wb") as file:
    file.write(b"head")
    a.tofile(file)
    file.write(b"tail")
with open("/tmp/b", "rb") as file:
    assert file.read(4) == b"head" and (np.fromfile(file, count=12) == a.ravel()).all() and file.read() == b"tail"
"""
PANDAS = """
import io
import pandas as pd
frame = pd.read_csv(io.StringIO("k,v,d\\na,1,2024-01-31\\nb,2,2024-02-29\\na,3,2024-03-31\\n"))
print(frame.groupby("k").v.sum().to_dict())
print(frame.merge(pd.DataFrame({"k": ["a", "b"], "w": [10, 20]}), on="k").w.tolist())
print(pd.to_datetime(frame.d).dt.month.tolist())
"""


@pytest.mark.long
def test_numpy_and_pandas(builds: Wenv) -> None:
    builds("create", "--runtime", "default", "pandas", timeout=3000)
    assert builds.python(NUMPY).splitlines() == ["Singular matrix", "divide by zero encountered in floor_divide", "2024-03-01"]
    assert builds.python(PANDAS).splitlines() == ["{'a': 4, 'b': 2}", "[10, 20, 10]", "[1, 2, 3]"]

    builds("bake", timeout=600)
    assert {"numpy", "pandas"} <= set(builds.python("import sys; print(*sys.modules)").split())
    assert builds.python(NUMPY).splitlines() == ["Singular matrix", "divide by zero encountered in floor_divide", "2024-03-01"]
    assert builds.python(PANDAS).splitlines() == ["{'a': 4, 'b': 2}", "[10, 20, 10]", "[1, 2, 3]"]
    for drawn in ("numpy.random.random()", "numpy.random.default_rng().random()"):
        code = f"import numpy; print({drawn})"
        assert builds.python(code) != builds.python(code)

"""Makes small source distributions for tests."""

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SETUPTOOLS = '[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n'


@dataclass(frozen=True)
class Source:
    """What a source distribution holds; `files` are relative to its project's folder."""

    name: str
    files: Mapping[str, str] = field(default_factory=dict)
    version: str = "1.0"
    information: str | None = "Metadata-Version: 2.2\n"
    """How its PKG-INFO begins; None for none, as in archives of a forge."""

    def write(self, folder: Path) -> Path:
        """Write it into a folder; returns its path."""
        stem = f"{self.name}-{self.version}"
        path = folder / f"{stem}.tar.gz"
        information = f"{self.information}Name: {self.name}\nVersion: {self.version}\n"
        files = {**self.files} if self.information is None else {"PKG-INFO": information, **self.files}
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(f"{stem}/{name}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        return path


def extension(name: str, c: str, *, optional: bool = False, version: str = "1.0") -> Source:
    """A package `name` whose one module ``NAME._native`` is compiled by setuptools from C."""
    setup = (
        "from setuptools import Extension, setup\n"
        f"setup(name={name!r}, version={version!r}, packages=[{name!r}],\n"
        f"      ext_modules=[Extension('{name}._native', ['native.c'], optional={optional})])\n"
    )
    return Source(name, {"pyproject.toml": SETUPTOOLS, "setup.py": setup, f"{name}/__init__.py": "", "native.c": c}, version)


#: A module with functions, a getter and a slot that declare fewer parameters than CPython passes.
CARELESS = r"""
#include <Python.h>
typedef struct { PyObject_HEAD } Thing;
static PyObject *answer(void) { return PyLong_FromLong(42); }
static PyObject *double_it(PyObject *self, PyObject *number) { return PyNumber_Add(number, number); }
static PyObject *get_size(PyObject *self) { return PyLong_FromLong(7); }
static PyObject *make(PyTypeObject *type) { return type->tp_alloc(type, 0); }
static PyGetSetDef properties[] = {{"size", (getter)get_size, NULL, NULL, NULL}, {NULL}};
static PyTypeObject ThingType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "zzcareless.Thing", .tp_basicsize = sizeof(Thing), .tp_new = (newfunc)(void *)make, .tp_getset = properties,
};
static PyMethodDef functions[] = {
    {"answer", (PyCFunction)(void *)answer, METH_NOARGS, "Always the same."},
    {"double", double_it, METH_O, NULL},
    {NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, functions};
PyMODINIT_FUNC PyInit__native(void) {
    PyObject *m = PyModule_Create(&module);
    if (m == NULL || PyModule_AddType(m, &ThingType) < 0) return NULL;
    return m;
}
"""

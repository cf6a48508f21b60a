"""A module in C++ with pybind11, and one in C that leaves by longjmp."""

from pybind11.setup_helpers import Pybind11Extension  # type: ignore[import-not-found]
from setuptools import Extension, setup  # type: ignore[import-untyped]

setup(ext_modules=[Pybind11Extension("zzthrowing", ["throwing.cpp"], cxx_std=17), Extension("zzjumping", ["jumping.c"])])

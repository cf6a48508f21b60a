"""Stands in for `ctypes`: every name is there, using one says what is missing."""


class _Missing:
    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_: object, **__: object) -> None:
        raise OSError(f"ctypes.{self._name}: this platform (WebAssembly) cannot load foreign libraries")

    def __getattr__(self, name: str) -> None:
        raise OSError(f"ctypes.{self._name}.{name}: this platform (WebAssembly) cannot load foreign libraries")


def __getattr__(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Missing(name)

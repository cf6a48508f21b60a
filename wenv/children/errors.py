"""Why a program is not started."""


class RefusedError(Exception):
    """What cannot be started; `kind` is the name of an error number."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind

"""Places for the attempts, each made once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.escape.ways import Place, made_place, prepared
from wenv.environment.kinds import Kind

Places = Callable[[Kind, bool], Place]


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Iterator[Places]:
    """Gives the place with an environment of a runtime, baked or not."""
    made: dict[tuple[Kind, bool], Place] = {}
    with ExitStack() as stack:

        def place_of(kind: Kind, baked: bool) -> Place:
            if (kind, baked) not in made:
                folder = tmp_path_factory.mktemp("escape") / "place"
                runtime = prepared(shared_cache, kind)
                made[kind, baked] = stack.enter_context(made_place(folder, runtime, baked=baked))
            return made[kind, baked]

        yield place_of

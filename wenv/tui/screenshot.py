"""Pictures of the screens, for documents."""

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wenv.tui.app import Wenv


def picture(app: "Wenv", size: tuple[int, int], keys: Sequence[str] = ()) -> str:
    """The screen as SVG, of a size in columns and lines, after some keys were pressed; no terminal is needed."""

    async def drawn() -> str:
        async with app.run_test(size=size) as pilot:
            await app.settled()
            for key in keys:
                await pilot.press(key)
                await app.settled()
            await pilot.pause()
            # with whatever fixed-width font the reader has: nothing is fetched from elsewhere
            return re.sub(r"@font-face \{.*?\}", "", app.export_screenshot(title="wenv"), flags=re.DOTALL)

    return asyncio.run(drawn())

"""Writing environments into files, sending them, comparing them."""

from pathlib import Path

from textual import work

from wenv.environment import known
from wenv.make.standalone import standalone
from wenv.pack import pack
from wenv.report.words import human_size
from wenv.share import artifact, export
from wenv.share.diff import Difference, difference, side
from wenv.share.registry import Reference, Registry
from wenv.tui.actions.base import ActionScreen
from wenv.tui.actions.forms import output_of, program_of_values
from wenv.tui.dialogs.form import Field
from wenv.tui.dialogs.review import Review
from wenv.tui.dialogs.working import Relay
from wenv_cache.oci import Descriptor


class SharingActions(ActionScreen):
    """Writing environments into files, sending them, comparing them."""

    @work(group="action")
    async def action_export(self) -> None:
        """`wenv export`."""
        if (chosen := self._chosen()) is None:
            return
        fields = [
            Field("output", "File", f"{chosen.title}{artifact.SUFFIX}", is_path=True),
            Field("runtime", "Take the interpreter along", default=False),
        ]
        values = await self._asked(f"Export {chosen.label}", fields, "Export", lambda values: output_of(values, ""))
        if values is None or not await self._may_write(Path(str(values["output"]))):
            return
        target = Path(str(values["output"])).expanduser()

        def job(relay: Relay) -> Descriptor:
            with self._store.writing() as writing:
                return export.export(
                    writing, self._runtime(chosen), chosen, target, relay, with_runtime=bool(values["runtime"])
                )

        if (written := await self._done("Exporting", job)) is not None:
            self.tell(f"Wrote {target} ({human_size(target.stat().st_size)}, sha256:{written.digest[:12]})")

    async def _may_write(self, target: Path) -> bool:
        """Whether a file may be written: there is none, or the user says so."""
        if not target.expanduser().exists():
            return True
        return await self._confirmed(f"Overwrite {target}?", "The file is there already.", "Overwrite")

    @work(group="action")
    async def action_pack(self) -> None:
        """`wenv pack`."""
        if (chosen := self._chosen()) is None:
            return
        fields = [
            Field("entry", "Script", help="or a console script; empty: a Python of its own", is_path=True),
            Field("module", "or module", help="as python -m"),
            Field("output", "File", f"{chosen.title}.wasm", is_path=True),
            Field("slim", "Leave out what the program cannot need", default=False),
        ]
        values = await self._asked(
            f"Pack {chosen.label}", fields, "Pack", lambda values: program_of_values(self._store, chosen, values)
        )
        if values is None or not await self._may_write(Path(str(values["output"]))):
            return
        target, program = Path(str(values["output"])).expanduser(), program_of_values(self._store, chosen, values)

        def job(relay: Relay) -> pack.Packed:
            with self._store.writing() as writing:
                slim = bool(values["slim"])
                whole = standalone(writing, self._runtime(chosen), chosen, relay)
                return pack.pack(writing, self._runtime(chosen), whole, program, target, relay, slim=slim)

        if (made := await self._done("Packing", job)) is not None:
            warnings = "".join(f"\nwarning: {module} is imported, and is nowhere" for module in made.missing)
            self.tell(f"Packed {made.path} ({human_size(made.size)}){warnings}")

    @work(group="action")
    async def action_push(self) -> None:
        """`wenv push`."""
        if (chosen := self._chosen()) is None:
            return
        fields = [
            Field("reference", "Where", help="localhost:5000/lab:1"),
            Field("plain", "Without TLS", default=False),
            Field("runtime", "Take the interpreter along", default=False),
        ]
        values = await self._asked(
            f"Push {chosen.label}", fields, "Push", lambda values: Reference.parse(str(values["reference"]))
        )
        if values is None:
            return
        registry = Registry(Reference.parse(str(values["reference"])), plain_http=bool(values["plain"]))

        def job(relay: Relay) -> str:
            with self._store.writing() as writing:
                runtime = self._runtime(chosen)
                whole = standalone(writing, runtime, chosen, relay)
                made = artifact.artifact_of(runtime, whole, relay, with_runtime=bool(values["runtime"]))
                return registry.push(made, relay).reference

        if (reference := await self._done("Pushing", job)) is not None:
            self.tell(f"Pushed {reference}")

    @work(group="action")
    async def action_compare(self) -> None:
        """`wenv diff`."""
        if (chosen := self._chosen()) is None:
            return
        others = [folder for folder in known.all_folders() if folder != chosen.folder]
        if not others:
            self.notify("There is no other environment.", severity="warning")
            return
        fields = [Field("other", "Compared with", choices=tuple(map(str, others)))]
        if (values := await self._asked(f"Compare {chosen.label}", fields, "Compare")) is None:
            return

        def job(relay: Relay) -> Difference:
            with (
                self._store.writing() as writing,
                side(writing, str(values["other"]), relay) as before,
                side(writing, str(chosen.folder), relay) as after,
            ):
                return difference(self._store, before, after)

        if (found := await self._done("Comparing", job)) is not None:
            rows = [
                (c.name, c.change, c.before or "", c.after or "", len(c.files), human_size(c.size_after - c.size_before))
                if c.size_after >= c.size_before
                else (
                    c.name,
                    c.change,
                    c.before or "",
                    c.after or "",
                    len(c.files),
                    f"-{human_size(c.size_before - c.size_after)}",
                )
                for c in found.packages
            ]
            said = "Both have the same layers." if found.is_empty else f"{found.shared} layers are shared."
            headings = ("Package", "Change", "Before", "After", "Files", "Size")
            await self.app.push_screen_wait(Review(f"From {found.before} to {found.after}", said, headings, rows))

"""Cleaning and checking the store."""

from collections.abc import Callable

from textual import work

from wenv.environment import known
from wenv.report import roots
from wenv.report.words import human_size
from wenv.share import temporary
from wenv.tui.actions.base import ActionScreen
from wenv.tui.dialogs.review import Review
from wenv.tui.dialogs.working import Relay
from wenv_cache.prune import Pruned, prune
from wenv_cache.verify import Finding, repair, verify


class StoreActions(ActionScreen):
    """Cleaning and checking the store."""

    @work(group="action")
    async def action_prune(self) -> None:
        """`wenv cache prune`, after showing what it would delete."""

        def pruned(*, dry_run: bool) -> Callable[[Relay], Pruned]:
            def job(relay: Relay) -> Pruned:
                relay.begin("Pruning")
                with self._store.pruning() as alone:
                    if not dry_run:
                        temporary.sweep()
                        known.forget_vanished()
                    return prune(self._store, roots.roots(self.app.workspace), alone=alone, dry_run=dry_run)

            return job

        would = await self._done("Looking for what nothing uses", pruned(dry_run=True))
        if would is None:
            return
        if not would.entries:
            self.tell("Nothing to delete: environments use everything")
            return
        rows = sorted(would.entries.items())
        text = f"{human_size(would.size)} that no environment uses."
        if not await self.app.push_screen_wait(
            Review("Prune the store?", text, ("Kind", "Entries"), rows, "Delete", dangerous=True)
        ):
            return
        if (result := await self._done("Pruning", pruned(dry_run=False))) is not None:
            self.tell(f"Deleted {sum(result.entries.values())} entries ({human_size(result.size)})")

    @work(group="action")
    async def action_verify(self) -> None:
        """`wenv cache verify`, with `--repair` after asking."""

        def look(relay: Relay) -> list[Finding]:
            relay.begin("Verifying")
            found = []
            with self._store.writing():
                for finding in verify(self._store, lambda entry: relay.note("Verifying", entry)):
                    relay.say(f"{finding.kind} {finding.entry}: {finding.problem}")
                    found.append(finding)
            return found

        findings = await self._done("Verifying the store", look)
        if findings is None:
            return
        if not findings:
            self.tell("Everything is as it should be")
            return
        rows = [(finding.kind, finding.entry[:24], finding.problem) for finding in findings]
        text = "Install restores what is deleted."
        review = Review(f"{len(rows)} damaged", text, ("Kind", "Entry", "Problem"), rows, "Delete them", dangerous=True)
        if not await self.app.push_screen_wait(review):
            return

        def mend(relay: Relay) -> int:
            repair(self._store, findings)
            return len(findings)

        if (count := await self._done("Deleting", mend)) is not None:
            self.tell(f"{count} damaged, deleted")

"""Whether requirements can work in the sandbox, said before anything is made."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wenv.bake.imports import failing_imports
from wenv.derived_entries import CHECKS
from wenv.errors import LinkError, UnacceptedWheelError
from wenv.make import prepare, solve
from wenv.report.packages import IN_RUNTIME
from wenv.runtimes import Runtime
from wenv.snapshot.contents import top_level_modules
from wenv_cache.store import Store
from wenv_resolver.building.builder import Builder
from wenv_resolver.building.libraries import in_order, problem
from wenv_resolver.building.recipes import recipe_of
from wenv_resolver.building.rules import BuildRules
from wenv_resolver.building.toolchain import compiler_version
from wenv_resolver.errors import FailedBuildError
from wenv_resolver.lock import LockedFile
from wenv_resolver.progress import Progress
from wenv_resolver.requirements import Requested, without_credentials
from wenv_resolver.resolve import Decided, decide


@dataclass(frozen=True, slots=True)
class Finding:
    """One package of a resolution.

    `how` is what a table shows: ``pure wheel``, ``wasm wheel``, ``would be built (C, Cython)``, ``built here already``,
    ``in the runtime`` or ``cannot work``; `kind` is the same for programs: ``pure``, ``wasm``, ``build``, ``held`` or ``none``.
    `imported` are the top-level modules that were tried, `failures` those that could not be imported, with the reason.
    """

    name: str
    version: str
    kind: str
    how: str
    needed_by: tuple[str, ...]
    evidence: str
    file: str | None
    imported: tuple[str, ...] = ()
    failures: dict[str, str] | None = None

    @property
    def works(self) -> bool:
        """Whether nothing speaks against it."""
        return self.kind != "none" and not self.failures

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "works": self.works}


def findings(runtime: Runtime, requested: Requested, rules: BuildRules, progress: Progress) -> list[Finding]:
    """What is known of each package without building or importing anything; sorted by name."""
    builder = solve.builder_for(runtime, rules, progress)
    target = runtime.target(progress)
    requested = solve.configured(runtime, requested, lambda: builder, progress)
    decided = decide(runtime.store, requested, target, progress, (), rules, builder)
    if target.extensions and any(d.languages for d in decided) and compiler_version() is None:
        progress.say("Building needs the compiler ziglang, which is not installed: pip install 'wenv[build]'")
    return [_finding(d, builder, runtime.store) for d in decided]


def _finding(decided: Decided, builder: Builder, store: Store) -> Finding:
    if decided.contained:
        return Finding(decided.name, decided.version, "held", IN_RUNTIME, decided.requirers, "", None)
    file, languages = decided.file, ", ".join(decided.languages) or "pure Python"
    if file is None:
        evidence = (decided.problem or "") + (f"; {decided.remedy}" if decided.remedy else "")
        kind, how = "none", "cannot work"
    elif file.is_source:
        built = builder.known(file)
        accepted = built is not None and (not built.native or store.derived_folder(CHECKS, built.key).is_dir())
        kind, how = "build", "built here already" if accepted else f"would be built ({languages})"
        recipe = f", recipe {file.recipe}" if file.recipe else ""
        by = recipe_of(file.name, file.version)
        linked = [each.label for each in in_order(by.libraries)]
        evidence = f"{_label(file)}{recipe}{', with ' if linked else ''}{', '.join(linked)}: {decided.evidence}"
        missing = None if accepted or by.without else problem(by.libraries)
        if missing is not None:
            kind, how, evidence = "none", "cannot work", f"{evidence}; {missing}"
        if not accepted and builder.failure(file):
            kind, how, evidence = "none", "cannot work", f"its build failed here; `wenv build --log {decided.name}` shows it"
    else:
        pure = file.filename.endswith("-any.whl")
        kind, how, evidence = "pure" if pure else "wasm", "pure wheel" if pure else "wasm wheel", file.filename
    return Finding(
        decided.name, decided.version, kind, how, decided.requirers, evidence, file.filename if file is not None else None
    )


def _label(file: LockedFile) -> str:
    """What is built, for people."""
    return without_credentials(file.url) if file.is_folder or file.is_repository else file.filename


def _broken(finding: Finding, reason: str) -> Finding:
    return replace(finding, kind="none", how="cannot work", evidence=reason)


def tried(
    runtime: Runtime, requested: Requested, found: Sequence[Finding], rules: BuildRules, progress: Progress
) -> list[Finding]:
    """The findings with what came of importing every top-level module, in an environment that is thrown away.

    Once a package cannot be built, nothing is imported.
    """
    solution = solve.solve(runtime, requested, progress, rules=rules)
    with runtime.store.writing() as writing:
        try:
            ready = prepare.prepare(writing, runtime, Path("check"), solution, progress).ready
        except (FailedBuildError, UnacceptedWheelError, LinkError) as error:
            guilty = error.packages if isinstance(error, LinkError) else (error.name,)
            return [_broken(each, str(error)) if each.name in guilty else each for each in found]
        packages = {package.name: package for package in ready.environment.packages}
        result = []
        for finding in found:
            if finding.kind == "held":
                modules = list(runtime.contents.packages[finding.name].modules)
            else:
                modules = top_level_modules(runtime.store, packages[finding.name])
            failures = {module: said["reason"] for module, said in failing_imports(ready, modules, progress).items()}
            words = "; ".join(f"import {module}: {reason}" for module, reason in failures.items())
            evidence = words or f"{finding.evidence}; imported {', '.join(modules) or 'nothing: it has no modules'}"
            how = "cannot be imported" if failures else finding.how
            result.append(replace(finding, how=how, evidence=evidence, imported=tuple(modules), failures=failures))
    return result

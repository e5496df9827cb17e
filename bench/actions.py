"""The cases of code actions on a real model: how often it ends in an edit, and in the expected one.

    sotto bench actions --model ~/models/qwen2.5-coder-7b-instruct-q4_k_m.gguf
    sotto bench actions --only docstring --show

Each case is asked once, greedily, through everything but the protocol: prompt, model, reading,
fitting, checks, the second try. *Expected* counts texts that are the case's to the letter, which
is strict: other words may be as good. *Applied* counts edits that passed all checks. Cases that no
model is asked in are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter

from bench.action_cases import Case, load_cases
from inference import Engine, EngineConfig, InferenceError, ModelInfo
from lsp.actions.abilities import inability
from lsp.actions.asking import Asker
from lsp.actions.offers import Offer, asked_rewrite, offers_at
from lsp.actions.perform import perform
from lsp.actions.place import Diagnosis, Place, place_at
from lsp.actions.proposal import RefusedError
from lsp.actions.works import Exact, Explain
from lsp.changes import Span, apply
from lsp.cli import silence_logs
from lsp.document import Snapshot
from lsp.project.workspace import Workspace
from lsp.settings import ActionSettings, CustomAction

_CUSTOM = CustomAction(title="Tidy", instruction="Tidy the file up.", applies_to="file")


def marked_place(case: Case, folder: Path) -> Place:
    """The case's document and what is selected in it."""
    source = case.document(case.before)
    start = min(source.find(mark) for mark in "▮⟦" if mark in source)
    end = source.find("⟧") - 1 if "⟧" in source else start
    text = source.translate(str.maketrans("", "", "▮⟦⟧"))
    span = Span(start, end)
    diagnoses = (Diagnosis(span, case.diagnostic),) if case.diagnostic else ()
    path = folder / case.file_name
    snapshot = Snapshot(path.as_uri(), 1, case.language, text, start)
    return place_at(snapshot, span, diagnoses, path)


def workspace_of(case: Case, folder: Path) -> Workspace:
    """With the file of tests that the case has, if it has one, as if it were open."""
    tests = {folder / case.tests_name: case.document(case.tests)} if case.tests else {}
    return Workspace((folder,), open_text=tests.get)


def find_offer(case: Case, place: Place) -> Offer | None:
    """The case's action among those of its place."""
    if case.instruction:
        return asked_rewrite(place, case.instruction)
    offers = offers_at(place, ActionSettings(custom=(_CUSTOM,)))
    return next((o for o in offers if o.id == case.action and case.title in o.title), None)


async def run_case(case: Case, engine: Engine, model: ModelInfo, *, show: bool) -> str | None:
    """How it ended; None if the model is not asked or cannot."""
    place = marked_place(case, Path("/project"))
    workspace = workspace_of(case, Path("/project"))
    offer = find_offer(case, place)
    assert offer is not None, case.name
    work = offer.work
    if isinstance(work, Exact | Explain) or inability(model, offer.needs):
        return None
    asker = Asker(engine, model, max_tokens=1024, uri=place.snapshot.uri, path=case.file_name)
    try:
        proposal = await perform(work, place, asker, workspace)
    except RefusedError as refusal:
        if show:
            print(f"--- {case.action}: {case.name}\n{refusal}")
        return "refused"
    other = proposal.other
    old, changes = (other.old or "", other.changes) if other else (place.text, proposal.changes)
    text = apply(old, changes)
    if show:
        print(f"--- {case.action}: {case.name}\n{text}")
    return "expected" if text == case.document(case.after) else "applied"


async def run(model_path: Path | None, only: str, *, show: bool) -> int:
    results: Counter[tuple[str, str]] = Counter()
    started = perf_counter()
    async with Engine(EngineConfig(model_path=model_path)) as engine:
        model = await engine.wait_ready()
        print(f"{model.name} ({model.quantization}), {model.n_params / 1e6:.1f} M parameters")
        for case in load_cases():
            if only in ("", case.action):
                outcome = await run_case(case, engine, model, show=show)
                results[case.action, outcome or "not asked"] += 1
    outcomes = ("expected", "applied", "refused", "not asked")
    print(f"{'':18}" + "".join(f"{outcome:>11}" for outcome in outcomes))
    for action in dict.fromkeys(action for action, _ in results):
        print(f"{action:18}" + "".join(f"{results[action, outcome]:11}" for outcome in outcomes))
    print(f"{perf_counter() - started:.0f} s")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the cases of code actions on a model.")
    parser.add_argument("--model", type=Path, help="a GGUF; the built-in model without it")
    parser.add_argument("--only", default="", metavar="ID", help="cases of one action alone")
    parser.add_argument("--show", action="store_true", help="print what becomes of each case")
    options = parser.parse_args()
    silence_logs()
    known = sorted({case.action for case in load_cases()})
    if options.only not in ("", *known):
        parser.error(f"no case is of {options.only!r}; there are {', '.join(known)}")
    try:
        return asyncio.run(run(options.model, options.only, show=options.show))
    except InferenceError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

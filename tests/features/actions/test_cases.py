"""Every case through the server: list, choose, resolve, apply; the text or the refusal is exact."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.action_cases import Answer, Case, load_cases
from inference import FinishReason, GenerationRequest
from lsp.changes import Span
from tests.support.actions import (
    CAPABILITIES,
    apply_edit,
    cut_selection,
    list_actions,
    range_of,
    resolve,
)
from tests.support.client import Client, Json, ResponseError, in_process
from tests.support.scripted_engine import EngineMaker

OPTIONS = {
    "actions": {
        "custom": [{"title": "Tidy", "instruction": "Tidy the file up.", "appliesTo": "file"}]
    }
}


def _as_on_windows(case: Case) -> Case:
    return msgspec.structs.replace(case, eol="crlf", bom=True)


CASES = load_cases()
ALL = [
    *((case, answer) for case in CASES for answer in case.answers()),
    # A text of one line has no line endings to go by.
    *((_as_on_windows(c), next(c.answers())) for c in CASES if "\n" in c.document(c.before)),
]


def _id(case: Case, number: int, answer: Answer) -> str:
    return f"{case.action}: {case.name}: {answer.form or number} {case.eol}{' bom' * case.bom}"


@pytest.mark.parametrize(
    ("case", "answer"),
    ALL,
    ids=[_id(case, number, answer) for number, (case, answer) in enumerate(ALL)],
)
async def test_case(case: Case, answer: Answer, tmp_path: Path) -> None:
    uri = (tmp_path / case.file_name).as_uri()
    maker = EngineMaker(answer=_say(answer))
    maker.supports_chat = True
    maker.supports_fim = case.fim
    async with in_process(maker) as served:
        client = served.client
        tests = tmp_path / case.tests_name
        if case.tests:
            tests.write_bytes(case.document(case.tests).encode())
        await client.initialize(
            capabilities=dict(CAPABILITIES), folder=tmp_path.as_uri(), options=OPTIONS
        )
        await client.wait_ready()
        text, span = cut_selection(case.document(case.before))
        client.open(uri, text, language=case.language, version=7)
        action = await _choose(client, case, uri, text, span)
        if answer.refusal is not None:
            with pytest.raises(ResponseError) as refused:
                await resolve(client, action)
            assert answer.refusal in str(refused.value)
            assert client.received("window/showMessage")[-1]["message"] == f"Sotto: {refused.value}"
            return
        resolved = await resolve(client, action)
        (change,) = resolved["edit"]["documentChanges"]
        after = case.document(answer.after or case.after)
        if case.tests:
            # Of a file that is not open an editor takes the BOM away first.
            uri, text, after = (tests.as_uri(), *_without_bom(case.document(case.tests), after))
        assert change["textDocument"] == {"uri": uri, "version": None if case.tests else 7}
        assert apply_edit(text, change["edits"]) == after
        # Each edit is minimal: it neither begins nor ends with what was there.
        for edit in change["edits"]:
            assert edit["newText"] or edit["range"]["start"] != edit["range"]["end"]


def _without_bom(*texts: str) -> list[str]:
    return [text.removeprefix("\ufeff") for text in texts]


def _say(answer: Answer) -> Any:
    texts = itertools.chain([answer.text], itertools.repeat(answer.then or answer.text))

    def say(_request: GenerationRequest) -> tuple[str, FinishReason]:
        return next(texts), FinishReason.LENGTH if answer.cut else FinishReason.STOP

    return say


async def _choose(client: Client, case: Case, uri: str, text: str, span: Span) -> Json:
    """The action of the case among those that are listed."""
    diagnostics: list[Json] = []
    if case.diagnostic:
        diagnostics = [{"range": range_of(text, span), "message": case.diagnostic}]
    found = await list_actions(client, uri, text, span, diagnostics=diagnostics)
    data = [a.get("data") or a["command"]["arguments"][0] for a in found if "disabled" not in a]
    wanted = [
        (action, its)
        for action, its in zip([a for a in found if "disabled" not in a], data, strict=True)
        if its["id"] == case.action and case.title in its["title"]
    ]
    assert len(wanted) == 1, [a["title"] for a in found]
    action, its = wanted[0]
    if case.instruction:
        # As an editor does that has asked for it.
        its = {**its, "instruction": case.instruction}
    return {"title": action["title"], "kind": action["kind"], "data": its}


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 60

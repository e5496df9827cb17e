"""Code actions in a real Helix: chosen, applied, undone; by the built-in model if it can.

Everything else is done with scripted answers. Helix shows no preview and takes no keys while it
waits for an action, so there is nothing to discard and nothing to stop.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.editors.conftest import StartHelix
from tests.support import diagnosing_server
from tests.support.action_cases import (
    AREA,
    CASES,
    CIRCLE,
    CUSTOM,
    HOSTILE,
    SIMPLE,
    SIMPLER,
    TYPED,
    fenced,
)
from tests.support.helix import Helix
from tests.support.helix_profile import Profile

pytestmark = pytest.mark.editor

# Nothing but actions takes answers out of the script.
SETTINGS = {"completion.enabled": "never", "actions.custom": [CUSTOM]}


def server(answers: Path) -> list[str]:
    return [sys.executable, "-m", "tests.support.scripted_serve", str(answers)]


Say = Callable[..., Helix]


@pytest.fixture(scope="module")
def _scripted(
    helix_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Helix, Path]]:
    folder = tmp_path_factory.mktemp("scripted")
    answers = folder / "answers.json"
    answers.write_text('["No."]')
    speller = [sys.executable, str(Path(diagnosing_server.__file__))]
    profile = Profile.make(
        folder / "helix", server=server(answers), settings=SETTINGS, beside=("speller", speller)
    )
    first = profile.project / "first.py"
    first.write_text("# first\n")
    helix = Helix(helix_program, profile, first)
    try:
        helix.wait_until_ready()
        yield helix, answers
    finally:
        helix.close()


@pytest.fixture
def say(_scripted: tuple[Helix, Path]) -> Say:
    """Sets what the model answers, in turn."""
    helix, script = _scripted

    def set_answers(*answers: str) -> Helix:
        script.write_text(json.dumps(answers))
        helix.leave_insert_mode()
        return helix

    return set_answers


def opened(helix: Helix, name: str, text: str, line: int, column: int = 1) -> Path:
    """Open a file at a place, counted from 1."""
    path = helix.profile.project / name
    path.write_text(text)
    helix.command(f"open {path}:{line}:{column}")
    helix.wait_for(lambda: helix.is_open(path), f"{name} at the server")
    helix.wait_for(lambda: f" sel  {line}:{column}\n" in f"{helix.screen()}\n", "the cursor")
    return path


def changed(helix: Helix, path: Path, before: str) -> str:
    """Wait for the action's answer; returns the text it made."""
    helix.wait_for(lambda: "[+]" in helix.screen(), "the action's edit")
    after = helix.save(path).decode()
    assert after != before
    return after


def expect_undone(helix: Helix, path: Path, before: str) -> None:
    """One undo brings back what was there."""
    helix.press("u")
    assert helix.save(path).decode() == before


def method(text: str, name: str) -> ast.FunctionDef:
    found = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    return found[0]


# By the built-in model


def test_a_docstring_by_the_built_in_model(helix: Helix) -> None:
    path = opened(helix, "docstring.py", CIRCLE, 18, 9)
    helix.act("Write docstring for `perimeter`")
    after = changed(helix, path, CIRCLE)
    assert ast.get_docstring(method(after, "perimeter"))
    lines, old = after.splitlines(), CIRCLE.splitlines()
    assert lines[:17] + lines[17 + len(lines) - len(old) :] == old
    expect_undone(helix, path, CIRCLE)


def test_a_body_by_the_built_in_model(helix: Helix) -> None:
    path = opened(helix, "body.py", CIRCLE, 22, 9)
    helix.act("Complete the body of `scale`")
    after = changed(helix, path, CIRCLE)
    assert after.splitlines()[:21] == CIRCLE.splitlines()[:21]
    body = method(after, "scale").body[1:]
    assert body
    assert not any(isinstance(statement, ast.Pass) for statement in body)
    expect_undone(helix, path, CIRCLE)


def test_what_the_built_in_model_cannot_is_not_in_the_list(helix: Helix) -> None:
    opened(helix, "cannot.py", CIRCLE, 18, 9)
    assert "Write docstring for `perimeter`" in helix.offered()
    assert "Simplify" not in helix.screen()
    assert "Explain" not in helix.screen()


# By a scripted one


@pytest.mark.parametrize("name", CASES)
def test_an_action_is_applied_and_undone_in_one_step(say: Say, name: str) -> None:
    case = CASES[name]
    helix = say(case.answer)
    path = opened(helix, f"{name.replace(' ', '_')}.py", case.before, case.line, case.column)
    helix.press(*["x"] * case.n_lines)
    helix.act(case.title)
    assert changed(helix, path, case.before) == case.after
    expect_undone(helix, path, case.before)


def test_extract_variable_needs_no_model(say: Say) -> None:
    helix = say("Not asked.")
    path = opened(helix, "variable.py", TYPED, 2, 12)
    helix.press("v", "g", "l")
    helix.act("Extract variable")
    after = changed(helix, path, TYPED)
    assert after.splitlines()[1:3] == ["    value = n / 2", "    return value"]
    expect_undone(helix, path, TYPED)


def test_a_diagnostic_of_another_tool_is_fixed(say: Say) -> None:
    after = AREA.replace("widht", "width")
    helix = say(fenced(after))
    path = opened(helix, "fix.py", AREA, 2, 12)
    helix.wait_for_text(diagnosing_server.MESSAGE)
    helix.act(f"Fix: {diagnosing_server.MESSAGE}")
    assert changed(helix, path, AREA) == after
    expect_undone(helix, path, AREA)


def test_hostile_answers_are_refused_and_change_nothing(say: Say) -> None:
    helix = say(*(answer for answer in HOSTILE.values() for _ in range(2)))
    for number, name in enumerate(HOSTILE):
        path = opened(helix, f"hostile{number}.py", SIMPLE, 3, 5)
        n_said = len(helix.notifications("window/showMessage"))
        helix.act("Simplify `positive`")
        said = helix.wait_for(
            lambda n=n_said: helix.notifications("window/showMessage")[n:], f"{name}: the refusal"
        )
        assert "twice over; nothing was changed" in said[-1]["message"], name
        assert helix.save(path).decode() == SIMPLE, name


def test_an_explanation_opens_as_markdown(say: Say) -> None:
    helix = say("It says whether `x` is **positive**.")
    path = opened(helix, "explain.py", SIMPLE, 3, 5)
    helix.act("Explain `positive`")
    screen = helix.wait_for_text("It says whether `x` is")
    assert "# Explain `positive`" in screen
    assert path.read_text() == SIMPLE


def test_keys_wait_until_the_answer_is_there(start_helix: StartHelix, tmp_path: Path) -> None:
    """Helix reads none before, so that not even `sotto.stop` can be given; none is lost."""
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps([fenced(SIMPLER)]))
    helix = start_helix(server=[*server(answers), "700"], settings=SETTINGS)
    path = opened(helix, "waiting.py", SIMPLE, 3, 5)
    helix.wait_until_ready()
    helix.act("Simplify `positive`")
    helix.press("Space", "o", "s")
    assert changed(helix, path, SIMPLE) == SIMPLER
    executed = [exchange.sent_s for exchange in helix.exchanges("workspace/executeCommand")]
    (resolved,) = helix.exchanges("codeAction/resolve")
    assert all(sent_s > resolved.answered_s for sent_s in executed)

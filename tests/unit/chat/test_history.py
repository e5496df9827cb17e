"""Conversations that are kept: what survives, who can read it, what goes."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lsp.chat.history import History, HistoryError, as_markdown
from lsp.chat.protocol import Message, Step


def user(content: str) -> Message:
    return Message("user", content)


def assistant(content: str, *steps: Step) -> Message:
    return Message("assistant", content, steps=steps)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sotto" / "conversations.db"


@pytest.fixture
def history(file: Path) -> History:
    return History("/project", file)


def keep(history: History, conversation: str, *texts: str) -> None:
    for number, text in enumerate(texts):
        history.begin(conversation, number, user(text))
        history.end(conversation, number, question=user(text), answer=assistant(text.upper()))


def test_turns_are_kept_in_order(history: History) -> None:
    step = Step("I look.", "search", {"text": "ü"}, "found")
    history.begin("a", 0, user("one"))
    history.end("a", 0, question=user("one"), answer=assistant("1", step), reasoning="hm")
    keep(history, "b", "other")
    history.begin("a", 1, user("two"))
    first, second = history.turns("a")
    assert (first.question, first.answer) == (user("one"), assistant("1", step))
    assert (first.reasoning, first.outcome) == ("hm", "finished")
    assert (second.question, second.answer, second.outcome) == (user("two"), None, "pending")
    assert [c.conversation_id for c in history.conversations()] == ["a", "b"]
    assert history.conversations()[0].title == "one"
    assert history.conversations()[0].n_turns == 2


def test_a_question_asked_anew_takes_back_what_came_after_it(history: History) -> None:
    keep(history, "a", "one", "two", "three")
    history.begin("a", 1, user("another"))
    assert [turn.question.content for turn in history.turns("a")] == ["one", "another"]


def test_workspaces_see_their_own(history: History, file: Path) -> None:
    keep(history, "a", "one")
    other = History("/elsewhere", file)
    assert other.conversations() == []
    assert other.turns("a") == []
    assert other.delete() == 0
    assert len(history.turns("a")) == 1


def test_the_file_is_the_users_alone(history: History, file: Path) -> None:
    keep(history, "a", "one")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_what_is_deleted_is_gone_from_the_file(history: History, file: Path) -> None:
    keep(history, "a", "a very secret word", "more")
    keep(history, "b", "kept")
    assert b"very secret" in file.read_bytes()
    assert history.delete("a") == 2
    assert b"very secret" not in file.read_bytes()
    assert b"VERY SECRET" not in file.read_bytes()
    history.end("a", 0, question=user("late"), answer=None)
    assert history.turns("a") == []
    assert history.delete() == 1
    assert history.conversations() == []


def test_nothing_is_made_by_looking(history: History, file: Path) -> None:
    assert history.conversations() == history.turns("a") == []
    assert history.delete() == 0
    assert not file.exists()


def test_it_can_be_read_elsewhere(history: History) -> None:
    keep(history, "a", "one")
    history.begin("a", 1, user("two"))
    assert as_markdown(history.turns("a")) == (
        "## You\n\none\n\n## Sotto\n\nONE\n\n## You\n\ntwo\n\n## Sotto\n\n*(no answer)*\n"
    )


@pytest.mark.parametrize(
    "data", [b"not a database at all" * 100, b"SQLite format 3\0" + b"x" * 4096]
)
def test_a_broken_file_is_an_error_and_stays(history: History, file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    with pytest.raises(HistoryError, match="keepConversations"):
        history.begin("a", 0, user("one"))
    with pytest.raises(HistoryError):
        history.conversations()
    assert file.read_bytes() == data


def test_a_newer_file_is_left_alone(history: History, file: Path) -> None:
    keep(history, "a", "one")
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(HistoryError, match="newer"):
        history.turns("a")


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError):
        History("/project", tmp_path / "file" / "conversations.db").begin("a", 0, user("one"))


_WRITER = """
import sys
from pathlib import Path
from lsp.chat.history import History
from lsp.chat.protocol import Message
history = History("/project", Path(sys.argv[1]))
for number in range(100_000):
    text = f"question {number} " + "x" * 5000
    history.begin("a", number, Message("user", text))
    sys.stdout.write(f"{number}\\n"); sys.stdout.flush()
    history.end("a", number, question=Message("user", text), answer=Message("assistant", text))
"""


@pytest.mark.parametrize("n_lines", [1, 3, 8])
def test_a_killed_process_loses_no_question_and_no_finished_turn(
    history: History, file: Path, n_lines: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(file)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(n_lines)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    turns = history.turns("a")
    assert len(turns) >= n_lines
    assert all(turn.outcome == "finished" for turn in turns[:-1])
    assert [turn.question.content.split()[1] for turn in turns[:n_lines]] == list(map(str, said))
    keep(history, "b", "it goes on")

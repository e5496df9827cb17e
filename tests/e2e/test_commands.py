"""The commands as a person runs them: the real process, the built-in model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
SOTTO = Path(sys.executable).with_name("sotto")
RECORD_KEYS = {
    "id", "uri", "version", "position", "outcome", "reason", "source", "n_prompt_tokens",
    "n_reused_tokens", "n_evaluated_tokens", "n_put_off_tokens", "n_drafted_tokens",
    "n_accepted_tokens", "accepted", "n_decoded_tokens", "drafters", "queue_ms",
    "prefill_ms", "first_text_ms", "total_ms",
}  # fmt: skip


def sotto(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SOTTO, *arguments], capture_output=True, text=True, timeout=90, check=False, cwd=cwd
    )


def test_complete_prints_the_suggestion_and_its_record_as_json() -> None:
    done = sotto("complete", "lsp/document_store.py:40:20", "--json", "--invoked")
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    assert set(output) == {"suggestions", "record"}
    assert set(output["record"]) == RECORD_KEYS
    assert output["record"]["n_evaluated_tokens"] > 0
    outcome = output["record"]["outcome"]
    assert outcome == ("shown" if output["suggestions"] else "empty")


def test_the_readme_s_example_can_be_run_as_it_stands() -> None:
    found = re.search(
        r"^    \.venv/bin/sotto complete (\S+)", (ROOT / "README.md").read_text(), re.M
    )
    assert found
    done = sotto("complete", found[1])
    assert done.returncode == 0, done.stderr
    assert done.stdout or "no suggestion" in done.stderr


def test_complete_says_why_there_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("def function(argument):\n    return argument\n")
    done = sotto("complete", f"{file}:1:7")
    assert (done.returncode, done.stdout) == (0, "")
    assert "inside a word" in done.stderr


def test_complete_never_touches_the_file_and_its_suggestion_fits(tmp_path: Path) -> None:
    file = tmp_path / "colours.py"
    text = "RED = 'red'\nGREEN = 'green'\nBLUE = 'blue'\n\nprint(RED)\nprint(GREEN)\nprint("
    file.write_text(text + ")\n")
    done = sotto("complete", f"{file}:7:7", "--invoked", "--json")
    assert done.returncode == 0, done.stderr
    assert file.read_text() == text + ")\n"
    for suggestion in json.loads(done.stdout)["suggestions"]:
        assert suggestion.count(")") <= suggestion.count("("), "closes the call a second time"


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ("missing.py:1:1", "cannot be read: No such file"),
        ("README.md:100000:1", "there is no line 100000"),
        ("README.md", "is not FILE:LINE:COL"),
        ("README.md:" + "1" * 5000, "is not FILE:LINE:COL"),
        ("/dev/zero:1", "/dev/zero is not a file"),
    ],
)
def test_complete_refuses_places_that_are_none(place: str, complaint: str) -> None:
    done = sotto("complete", place)
    assert done.returncode == 1
    assert done.stderr.startswith("sotto: ")
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_complete_with_a_model_that_is_none() -> None:
    done = sotto("complete", "README.md:1:1", "--model", "README.md")
    assert done.returncode == 1
    assert done.stderr.startswith("sotto: ")
    assert done.stderr.count("README.md") == 1, "said twice"
    assert "Traceback" not in done.stderr


def test_doctor_finds_everything_working() -> None:
    done = sotto("doctor", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert report["healthy"] is True
    parts = {check["part"]: check["state"] for check in report["checks"]}
    assert parts["model"] == parts["engine"] == parts["runtime"] == "ok"


def test_doctor_says_what_is_wrong_and_what_the_server_would_do(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF\x03\x00\x00\x00" + b"\xff" * 32)
    done = sotto("doctor", "--model", str(broken))
    assert done.returncode == 1
    assert "FAIL  model" in done.stdout
    assert str(broken) in done.stdout
    assert "would use the built-in model instead" in done.stdout
    assert "Something does not work" in done.stdout


def test_bench_asks_a_model_for_the_edits_of_the_cases() -> None:
    done = sotto("bench", "actions", "--only", "docstring")
    assert done.returncode == 0, done.stderr
    (counts,) = [line.split()[1:] for line in done.stdout.splitlines() if "docstring " in line]
    assert sum(map(int, counts)) > 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "nothing"], "no case is of 'nothing'; there are"),
        (["--model", "nowhere.gguf"], "nowhere.gguf"),
    ],
)
def test_bench_says_what_is_wrong(arguments: list[str], complaint: str) -> None:
    done = sotto("bench", "actions", *arguments)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_version_and_wrong_arguments() -> None:
    assert sotto("--version").stdout.startswith("sotto ")
    assert sotto("frobnicate").returncode == 2
    nothing = sotto()
    assert nothing.returncode == 2
    assert "usage: sotto" in nothing.stderr


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" complete lsp/document_store.py:40:20 --invoked | true', str(SOTTO)],
        capture_output=True, text=True, timeout=90, check=False, cwd=ROOT,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ('"$0" serve <&-', "one of them is closed"),
        ('"$0" complete lsp/document_store.py:40:20 --json >/dev/full', "No space left"),
        (
            'mkdir "$1/gone" && cd "$1/gone" && rmdir "$1/gone" && "$0" doctor --model a.gguf',
            "nowhere",
        ),
        ('"$0" doctor --model ""', "the path is empty"),
        ('"$0" chat --folder "$1/gone" Hello', "is no folder"),
        ('"$0" chat --folder "$0" Hello', "is no folder"),
    ],
)
def test_a_broken_surrounding_gets_a_sentence(command: str, complaint: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", command, str(SOTTO), str(tmp_path)],
        capture_output=True, text=True, timeout=90, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_that_lacks_a_character_is_shown_its_number(tmp_path: Path) -> None:
    text = "GREETING = 'Grüße'\nprint('Grüße')\nOTHER = 'Grüße'\nprint('Gr"
    (tmp_path / "a.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [str(SOTTO), "complete", "a.py:4", "--invoked"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True, text=True, timeout=90, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\\xfc" in done.stdout


def test_doctor_names_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    xdg = {name: str(tmp_path / "file") for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    done = subprocess.run(
        [str(SOTTO), "doctor", "--json"], env=os.environ | xdg,
        capture_output=True, text=True, timeout=90, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0
    notes = [
        check["text"] for check in json.loads(done.stdout)["checks"] if check["part"] == "folder"
    ]
    assert len(notes) == 2
    assert all("cannot be written" in note for note in notes)


def test_a_result_is_a_result_without_a_stderr() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" complete README.md:1:1 --json 2>&-', str(SOTTO)],
        capture_output=True, text=True, timeout=90, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0
    assert json.loads(done.stdout)["record"]["outcome"]


def test_a_folder_cannot_smuggle_its_own_packages_in(tmp_path: Path) -> None:
    """A workspace with an `inference.py` of its own: the command and `-I` never run it; a
    PYTHONPATH that leads there is noticed before anything of it is run."""
    (tmp_path / "inference.py").write_text("raise SystemExit('executed')\n")
    assert sotto("doctor", "--json", cwd=tmp_path).returncode == 0
    isolated = subprocess.run(
        [sys.executable, "-I", "-m", "lsp", "--version"],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert isolated.stdout.startswith("sotto ")
    poisoned = subprocess.run(
        [SOTTO, "serve"],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path, input="",
        env=os.environ | {"PYTHONPATH": "."},
    )  # fmt: skip
    assert poisoned.returncode == 1
    assert "executed" not in poisoned.stderr
    assert "PYTHONPATH" in poisoned.stderr

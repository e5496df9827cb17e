"""Files that draft take the road of all model files: checked, tried in a child, then loaded; and a
model that cannot be drafted for is used without."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from inference import EngineConfig, inspect_model, trial
from inference.backends.llama_extensions import exported_function, require_functions
from inference.errors import InvalidModelError, ModelTooLargeError, UnsupportedModelError
from inference.loading import LoadedModel, load_checked, load_model
from inference.models.draft import find_draft
from inference.models.memory import MIN_N_CTX, estimate_memory
from inference.trial import ensure_tried
from inference.verdicts import Verdicts
from tests.support.gguf_files import FIM_TEXTS, byte_vocabulary, texts
from tests.support.oracle_models import write_dense, write_head, write_hybrid
from tests.support.speculating import load
from tests.support.tiny_heads import tiny_target

pytestmark = pytest.mark.e2e

_ABORTS_WITH_DRAFT = """
import os, sys
print('{"stage": "started"}', flush=True)
if any(word.startswith("--draft") for word in sys.argv):
    os.abort()
print('{"stage": "usable"}', flush=True)
"""


def silent(_progress: float) -> bool:
    return True


def loaded(model: Path, draft: Path | None = None) -> LoadedModel:
    return load_model(EngineConfig(model_path=model, draft_model_path=draft, n_threads=1), silent)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_dense(tmp_path / "model.gguf")


@pytest.mark.parametrize(
    ("write", "kind"),
    [(write_dense, "draft-model"), (write_head, "eagle-3")],
    ids=["model", "head"],
)
def test_a_file_that_drafts_is_tried_with_its_model_once(
    write: Callable[[Path], Path], kind: str, model: Path, tmp_path: Path
) -> None:
    config = EngineConfig(model_path=model, draft_model_path=write(tmp_path / "draft.gguf"))
    summary = inspect_model(model)
    draft = find_draft(summary, config)
    verdicts = Verdicts(tmp_path / "verdicts.json")
    assert ensure_tried(summary, config, silent, verdicts, draft)
    assert not ensure_tried(summary, config, silent, verdicts, draft)
    # The model alone is another matter.
    assert ensure_tried(summary, config, silent, verdicts)
    ready = load_model(config, silent)
    with closing(ready.backend):
        assert ready.notice is None
        assert ready.backend.draft_model is not None
        assert ready.backend.draft_model.name == kind


def test_layers_in_the_models_own_file_are_tried_and_used(tmp_path: Path) -> None:
    path = write_hybrid(tmp_path / "model.gguf")
    ready = loaded(path)
    with closing(ready.backend):
        assert ready.notice is None
        assert ready.backend.draft_model is not None
        assert ready.backend.draft_model.name == "mtp"
    config = EngineConfig(model_path=path, use_draft_heads=False, n_threads=1)
    plain = load_model(config, silent)
    with closing(plain.backend):
        assert plain.backend.draft_model is None


def test_the_built_in_model_can_be_drafted_for(tmp_path: Path) -> None:
    builtin = inspect_model().path
    copy = tmp_path / "copy.gguf"
    copy.write_bytes(builtin.read_bytes())
    ready = load_model(EngineConfig(draft_model_path=copy, n_threads=1), silent)
    with closing(ready.backend):
        assert ready.backend.draft_model is not None


def test_a_file_that_does_not_fit_is_done_without(model: Path, tmp_path: Path) -> None:
    head = tmp_path / "head.gguf"
    head.write_bytes(b"GGUF")
    ready = loaded(model, head)
    with closing(ready.backend):
        assert ready.backend.draft_model is None
        assert ready.notice is not None
        assert str(head) in ready.notice
        assert ready.notice.endswith("runs without drafts.")


def test_tokens_of_another_meaning_are_noticed(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    tokens = [*byte_vocabulary(), *FIM_TEXTS]
    tokens[65], tokens[66] = tokens[66], tokens[65]
    other.write_bytes(tiny_target().having(tokenizer__ggml__tokens=texts(tokens)).to_bytes())
    with pytest.raises(UnsupportedModelError, match="token 65 is not the same"):
        load(model, other)
    ready = loaded(model, other)
    with closing(ready.backend):
        assert ready.backend.draft_model is None
        assert ready.notice is not None
        assert "runs without drafts" in ready.notice


def test_a_head_that_ends_the_process_ends_the_child_only(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "CHILD", (sys.executable, "-I", "-c", _ABORTS_WITH_DRAFT))
    head = write_head(tmp_path / "head.gguf", noise=0.5)
    ready = loaded(model, head)
    with closing(ready.backend):
        assert ready.backend.draft_model is None
        assert ready.notice is not None
        assert "SIGABRT" in ready.notice
        assert str(head) in ready.notice
    # It is remembered: no child is needed to know.
    monkeypatch.setattr(trial, "CHILD", ("/nonexistent",))
    again = loaded(model, head)
    with closing(again.backend):
        assert again.notice == ready.notice


def test_without_memory_for_it_the_model_is_used_alone(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = write_dense(tmp_path / "draft.gguf", noise=0.5)
    summary = inspect_model(model)
    enough = int((estimate_memory(summary, MIN_N_CTX) + 10_000) / 0.9)
    config = EngineConfig(model_path=model, draft_model_path=draft, n_threads=1)
    monkeypatch.setattr("inference.backends.llama_cpp.available_memory", lambda: enough)
    with pytest.raises(ModelTooLargeError):
        load_checked(summary, config, silent, find_draft(summary, config))
    ready = load_model(config, silent)
    with closing(ready.backend):
        assert ready.backend.draft_model is None
        assert ready.notice is not None
        assert "runs without drafts" in ready.notice


def test_a_model_that_cannot_be_used_is_not_excused_by_its_draft(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF")
    with pytest.raises(InvalidModelError, match=r"bad\.gguf"):
        loaded(bad, write_head(tmp_path / "head.gguf"))


def test_a_function_that_a_release_renamed_is_named() -> None:
    require_functions()
    with pytest.raises(UnsupportedModelError, match=r"no function llama_fly.*install the version"):
        exported_function("llama_fly", "P13llama_context", "YAXPEAUllama_context@@@Z")

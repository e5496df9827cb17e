"""No file can end the server: the checks in Python stop most, the trial stops the others."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.mutated_models import measure
from inference.errors import ModelError
from inference.models.builtin_model import builtin_model_path
from inference.models.summary import inspect_model
from tests.support.crashing_model import crashing_model
from tests.support.gguf_files import tiny_model, u32
from tests.support.mutations import mutated
from tests.support.runtime_process import RuntimeProcess
from tests.support.tiny_models import tiny_models

pytestmark = pytest.mark.e2e
N_FILES = 250


@pytest.fixture
def runtime() -> Iterator[RuntimeProcess]:
    with RuntimeProcess() as process:
        yield process


def test_the_runtime_survives_what_the_checks_let_through_of_the_usual_models(
    runtime: RuntimeProcess, tmp_path: Path
) -> None:
    generator = random.Random(20)
    models = tiny_models()
    path = tmp_path / "m.gguf"
    verdicts: Counter[str] = Counter()
    for i in range(N_FILES):
        arch = generator.choice(["qwen3", "qwen2"])
        path.write_bytes(mutated(models[arch], arch, generator))
        try:
            inspect_model(path)
        except ModelError:
            verdict = "refused in Python"
        else:
            verdict = runtime.load(path)
        verdicts[verdict] += 1
        assert verdict not in ("died", "hung"), f"file {i} of seed 20: {runtime.last_words}"
    # Otherwise the files would prove nothing: some of each kind have to be among them.
    assert verdicts["loaded"] > N_FILES // 10
    assert verdicts["refused in Python"] > N_FILES // 10


def test_files_of_all_architectures_are_refused_or_used() -> None:
    """A sample of what `bench/mutated_models.py` does by the thousand."""
    result = measure(count=180, seed=3)
    assert result.failures == []
    outcomes: Counter[str] = Counter()
    for counts in result.outcomes.values():
        outcomes.update(counts)
    assert outcomes["loaded"] > 10
    assert outcomes["refused in Python"] > 50


@pytest.mark.parametrize("arch", tiny_models())
def test_valid_files_are_let_through_and_load(
    arch: str, runtime: RuntimeProcess, tmp_path: Path
) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_models()[arch].to_bytes())
    assert inspect_model(path).arch == arch
    assert runtime.load(path) == "loaded"


def test_the_builtin_model_loads(runtime: RuntimeProcess) -> None:
    inspect_model()
    assert runtime.load(builtin_model_path()) == "loaded"


def test_a_file_the_checks_refuse_would_have_ended_the_process(
    runtime: RuntimeProcess, tmp_path: Path
) -> None:
    """Shows that the checks are needed: drop this when the runtime refuses such files itself."""
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_model(seed=1).having(qwen3__block_count=u32(0)).to_bytes())
    with pytest.raises(ModelError):
        inspect_model(path)
    assert runtime.load(path) == "died"


def test_a_file_the_checks_let_through_would_have_ended_the_process(
    runtime: RuntimeProcess, tmp_path: Path
) -> None:
    """Shows that the trial is needed."""
    path = tmp_path / "m.gguf"
    path.write_bytes(crashing_model().to_bytes())
    inspect_model(path)
    assert runtime.load(path) == "died"

"""From options to settings: layers, what is wrong, and how it is said."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp.settings import InlineCompletionSettings, Layer, Settings, resolve


def problems(content: object, *folders: Path) -> tuple[str, ...]:
    return resolve([Layer(content, refused_folders=folders)]).problems


def test_without_options_all_is_default() -> None:
    contents: list[Any] = [None, {}, {"model": None}, {"model": {}}, {"model": {"path": None}}]
    for content in contents:
        resolved = resolve([Layer(content)])
        assert resolved.settings == Settings()
        assert resolved.problems == ()


def test_a_later_layer_wins_key_by_key() -> None:
    resolved = resolve(
        [
            Layer({"inlineCompletion": {"maxLines": 3, "maxTokens": 30}}),
            Layer({"inlineCompletion": {"maxLines": 4, "maxTokens": None}}),
            Layer(None),
        ]
    )
    assert resolved.settings.inline_completion == InlineCompletionSettings(
        max_lines=4, max_tokens=30
    )


def test_dotted_and_nested_keys_mix() -> None:
    resolved = resolve(
        [Layer({"model.threads": 2, "model": {"gpuLayers": 0}, "model.contextSize": 4096})]
    )
    model = resolved.settings.model
    assert (model.threads, model.gpu_layers, model.context_size) == (2, 0, 4096)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (5, "The configuration is 5, but must be an object."),
        ([], "The configuration is [], but must be an object."),
        ({"model": 5}, "`model` is 5, but must be an object."),
        (
            {"model": {"threads": 0}},
            "`model.threads` is 0, but must be a whole number from 1 to 1024.",
        ),
        (
            {"model": {"threads": True}},
            "`model.threads` is true, but must be a whole number from 1 to 1024.",
        ),
        (
            {"model": {"fallbackToBuiltin": "yes"}},
            '`model.fallbackToBuiltin` is "yes", but must be true or false.',
        ),
        (
            {"inlineCompletion": {"minConfidence": 2}},
            "`inlineCompletion.minConfidence` is 2, but must be a number from 0 to 1.",
        ),
        (
            {"inlineCompletion": {"disabledLanguages": "python"}},
            '`inlineCompletion.disabledLanguages` is "python", but must be a list of strings.',
        ),
        (
            {"completion": {"enabled": "sometimes"}},
            '`completion.enabled` is "sometimes", but must be "auto", "always" or "never".',
        ),
        (
            {"model": {"path": "models/a.gguf"}},
            '`model.path` is "models/a.gguf", but must be an absolute path or begin with `~`.',
        ),
        (
            {"model": {"path": "~no-such-user/a.gguf"}},
            '`model.path` is "~no-such-user/a.gguf", but must be an absolute path or begin '
            "with `~`.",
        ),
        ({"model": {"path": ""}}, '`model.path` is "", but must be a string that is not empty.'),
        (
            {"model": {"pth": "x"}},
            "`model.pth` is not a setting of Sotto. Did you mean `model.path`?",
        ),
        ({"models": {}}, "`models` is not a setting of Sotto. Did you mean `model`?"),
        (
            {"maxTokens": 5},
            "`maxTokens` is not a setting of Sotto. Did you mean `inlineCompletion.maxTokens`?",
        ),
        ({"zzzzzz": 5}, "`zzzzzz` is not a setting of Sotto."),
    ],
)
def test_what_is_wrong_is_named(content: object, problem: str) -> None:
    resolved = resolve([Layer(content)])
    assert resolved.problems == (problem,)
    assert resolved.settings == Settings()


def test_a_long_value_is_shortened() -> None:
    (problem,) = problems({"model": {"threads": "x" * 1000}})
    assert len(problem) < 200


def test_the_home_folder_may_be_written_short() -> None:
    assert problems({"model": {"path": "~/models/a.gguf"}}) == ()


@pytest.mark.parametrize("key", ["path", "draftPath"])
def test_a_path_in_an_open_folder_is_refused_by_whatever_way(key: str, tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    (elsewhere / "link").symlink_to(project)
    (project / "way-out").symlink_to(elsewhere)
    refused = [
        project / "a.gguf",
        elsewhere / "link" / "a.gguf",
        project / "way-out" / "a.gguf",
        elsewhere / ".." / "project" / "a.gguf",
    ]
    for path in refused:
        (problem,) = problems({"model": {key: str(path)}}, project)
        assert problem.startswith(f"`model.{key}` is ")
        assert "must not choose the model" in problem
    assert problems({"model": {key: str(elsewhere / "a.gguf")}}, project) == ()
    if os.name == "posix":
        assert "network share" in problems({"model": {key: "//host/a.gguf"}}, project)[0]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
keys = st.sampled_from(["model", "path", "threads", "inlineCompletion", "maxLines", "logging", "."])


@given(st.dictionaries(keys | st.text(), json_values | st.dictionaries(keys, json_values)))
def test_no_configuration_breaks_anything(content: dict[str, object]) -> None:
    resolved = resolve([Layer(content)])
    assert isinstance(resolved.settings, Settings)
    assert all(len(problem.splitlines()) == 1 for problem in resolved.problems)


@pytest.mark.parametrize(
    ("confidence", "threshold"), [(None, -1.5), (0.0, -math.inf), (1.0, 0.0), (0.5, math.log(0.5))]
)
def test_confidence_as_a_log_probability(confidence: float | None, threshold: float) -> None:
    settings = InlineCompletionSettings(min_confidence=confidence)
    assert settings.min_line_logprob(-1.5) == threshold

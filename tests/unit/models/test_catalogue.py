from __future__ import annotations

from pathlib import Path

import pytest

from inference.models.catalogue import Catalogue, PromptOrder, catalogue, family_named


@pytest.fixture
def known() -> Catalogue:
    return catalogue()


def test_every_architecture_is_in_one_group_only(known: Catalogue) -> None:
    groups = [
        known.architectures.generating,
        known.architectures.recurrent,
        known.architectures.hybrid,
        set(known.architectures.unsuitable),
    ]
    names = [name for group in groups for name in group]
    assert len(names) == len(set(names))
    assert known.architectures.whole_head_rope <= known.architectures.generating


def test_families_refer_to_what_the_catalogue_knows(known: Catalogue) -> None:
    architectures = (
        known.architectures.generating | known.architectures.recurrent | known.architectures.hybrid
    )
    prefixes = {texts.prefix for texts in known.fim_tokens}
    for family in known.families:
        assert set(family.architectures) <= architectures, family.name
        assert set(family.prefix_tokens) <= prefixes, family.name
        assert all(name == name.lower() for name in family.names), family.name
        assert family.min_line_logprob < 0, family.name


def test_names_of_families_are_unique_and_the_last_one_fits_anything(known: Catalogue) -> None:
    names = [family.name for family in known.families]
    assert len(names) == len(set(names))
    assert names[-1] == "unknown"
    assert known.family("anything", None, ()) is known.families[-1]


def test_a_family_by_its_name() -> None:
    assert family_named("built-in").prompt_order is PromptOrder.SPM
    assert family_named("seed-coder").prompt_order is PromptOrder.SPM
    assert family_named("qwen2.5-coder").prompt_order is PromptOrder.PSM_ANCHORED
    with pytest.raises(KeyError):
        family_named("no such family")


def test_only_measured_gates_are_called_calibrated(known: Catalogue) -> None:
    assert {family.name for family in known.families if family.calibrated} == {"built-in"}


def test_recommendations_fit_the_memory_they_name(known: Catalogue) -> None:
    assert known.recommended
    for model in known.recommended:
        assert model.file_gb < model.min_memory_gb
        assert model.source.startswith("https://huggingface.co/")
    sizes = [model.file_gb for model in known.recommended]
    assert sizes == sorted(sizes)


def test_the_documentation_lists_every_recommendation_and_family(known: Catalogue) -> None:
    page = Path(__file__).resolve().parents[3].joinpath("docs/models.md").read_text("utf-8")
    for model in known.recommended:
        assert f"[{model.name} {model.quantization}]({model.source})" in page
        assert f"{model.file_gb:g}" in page.replace(".10 GB", ".1 GB")
        assert model.licence.split(" (")[0] in page
    for family in known.families:
        assert family.name in page

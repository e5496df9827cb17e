"""Fill-in-the-middle prompts: order, window, seam. One token is one byte here, or a word."""

from __future__ import annotations

import pytest

from inference.backends.vocabulary import Vocabulary
from inference.errors import PromptTooLongError
from inference.models.catalogue import PromptOrder
from inference.models.summary import FimTokens
from inference.prompts.blocks import BlockTokenizer
from inference.prompts.budget import stride, window_after, window_before, windows
from inference.prompts.fim import BuiltPrompt, FimPromptBuilder
from inference.prompts.seam import MAX_HEALED_BYTES, Seam, find_seam
from inference.types import FimPrompt
from tests.support.fake_backend import (
    FIM_MIDDLE,
    FIM_PREFIX,
    FIM_SUFFIX,
    make_summary,
    make_vocabulary,
)
from training.holes import seam as training_seam

NAMES = {FIM_PREFIX: "<P>", FIM_SUFFIX: "<S>", FIM_MIDDLE: "<M>"}
FIM = make_summary().fim
LINES = "".join(f"line {n:03}\n" for n in range(1000))


def readable(built: BuiltPrompt) -> str:
    vocabulary = make_vocabulary()
    pieces = [
        NAMES.get(token) or vocabulary.piece(token).decode("utf-8", "replace")
        for token in built.tokens
    ]
    return "".join(pieces)


def build(
    prefix: str,
    suffix: str,
    order: PromptOrder = PromptOrder.SPM,
    *,
    room: int = 400,
    heal: bool = False,
    fim: FimTokens | None = FIM,
) -> BuiltPrompt:
    builder = FimPromptBuilder(make_vocabulary(), fim, order, heal=heal)
    return builder.build(FimPrompt(prefix=prefix, suffix=suffix), room)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (PromptOrder.PSM, "<P>above\n  typed<S> rest\nbelow<M>"),
        (PromptOrder.PSM_ANCHORED, "<P>above\n<S> rest\nbelow<M>  typed"),
        (PromptOrder.SPM, "<S> rest\nbelow<P>above\n  typed<M>"),
    ],
)
def test_the_orders(order: PromptOrder, expected: str) -> None:
    assert readable(build("above\n  typed", " rest\nbelow", order)) == expected


@pytest.mark.parametrize("closed", [")", "]", '"', '")', "]);"])
def test_what_an_editor_closes_by_itself_leaves_the_beginning_as_it_was(closed: str) -> None:
    before = readable(build("call", "\nbelow")).removesuffix("<M>")
    assert readable(build("call(a", f"{closed}\nbelow")) == f"{before}(a<M>"
    assert readable(build("call(a", closed)) == "<S><P>call(a<M>"


@pytest.mark.parametrize("rest", [") + 1", '"""', "b)", " )", ") {"])
def test_any_other_rest_of_the_line_is_shown(rest: str) -> None:
    assert readable(build("call(a", f"{rest}\nbelow")) == f"<S>{rest}\nbelow<P>call(a<M>"


@pytest.mark.parametrize("room", [200, 400, 800, 2048])
def test_in_a_short_context_too_what_is_written_joins_on_to_the_text_above(room: int) -> None:
    builder = FimPromptBuilder(make_vocabulary(), FIM, PromptOrder.PSM_ANCHORED, heal=False)
    prefix = LINES[: 9 * 20]
    for n in range(60):
        built = builder.build(FimPrompt(prefix=prefix, suffix="below"), room, "doc")
        above, _, written = readable(built).removeprefix("<P>").partition("<S>below<M>")
        assert prefix.endswith(above + written)
        assert len(above) >= 18
        prefix += f"line {n:03}\n"


def test_a_family_without_a_middle_token_ends_with_the_prefix() -> None:
    fim = FimTokens(prefix=FIM_PREFIX, suffix=FIM_SUFFIX, middle=None, source="metadata")
    assert readable(build("a", "b", fim=fim)) == "<S>b<P>a"


def test_a_model_without_fim_tokens_continues_the_prefix() -> None:
    assert readable(build("above\n  typed", " rest", fim=None)) == "above\n  typed"


def test_empty_sides() -> None:
    for order in PromptOrder:
        text = readable(build("", "", order))
        assert sorted(text[i : i + 3] for i in range(0, 9, 3)) == ["<M>", "<P>", "<S>"]


def test_control_tokens_in_the_text_stay_text() -> None:
    built = build("x <|fim_middle|>", "<|fim_prefix|>")
    assert [token for token in built.tokens if token >= 256] == [FIM_SUFFIX, FIM_PREFIX, FIM_MIDDLE]


def test_a_beginning_token_comes_first() -> None:
    vocabulary = Vocabulary(
        [bytes([b]) for b in range(256)],
        end_ids=frozenset(),
        tokenize=lambda text: list(text.encode()),
        beginning_id=300,
    )
    for order in PromptOrder:
        builder = FimPromptBuilder(vocabulary, FIM, order, heal=True)
        assert builder.build(FimPrompt(prefix="a b", suffix="c"), 100).tokens[0] == 300


def test_too_little_room_is_an_error() -> None:
    with pytest.raises(PromptTooLongError, match="20 tokens"):
        build("a", "b", room=20)


@pytest.mark.parametrize("order", list(PromptOrder))
@pytest.mark.parametrize("room", [60, 200, 1000])
@pytest.mark.parametrize("cursor", [0, 5, 100, 4000, 8998, 9000])
def test_prompts_keep_to_their_room_and_use_most_of_it(
    order: PromptOrder, room: int, cursor: int
) -> None:
    n = len(build(LINES[:cursor], LINES[cursor:], order, room=room).tokens)
    assert n <= room
    if 2000 < cursor < 8000:
        assert n > room / 3


def test_the_window_ends_at_lines() -> None:
    built = readable(build(LINES[:4005], LINES[4005:], room=400))
    after, before = built.removeprefix("<S>").removesuffix("<M>").split("<P>")
    assert before.startswith("line ")
    assert LINES[:4005].endswith("\n" + before)
    assert after.endswith("\n")
    assert LINES[4005:].startswith(after)


def bytes_of(text: str) -> list[int]:
    return list(text.encode())


def test_the_edges_stay_while_one_types() -> None:
    above, below = LINES[:4000], LINES[5000:]
    starts: set[str] = set()
    ends: set[str] = set()
    for n in range(60):
        before, after = windows(above + "x" * n, below, 400, bytes_of)
        starts.add(before.text[:12])
        ends.add(after.text)
    assert len(starts) <= 2
    assert len(ends) == 1


def test_the_edges_stay_while_one_goes_through_lines() -> None:
    starts: set[int] = set()
    for line in range(400, 430):
        at = line * 9
        before = window_before(LINES[:at], 400, bytes_of)
        starts.add(at - len(before.text))
    assert len(starts) <= 1 + 30 * 9 // stride(400) + 1


def test_windows_without_lines_are_cut_anywhere() -> None:
    text = "x" * 100_000
    before, after = windows(text, text, 400, bytes_of)
    assert 250 <= len(before.text) <= 300
    assert 50 <= len(after.text) <= 100


def test_dense_text_still_fits() -> None:
    text = "日" * 1000
    before, after = windows(text, text, 400, bytes_of)
    assert 0 < len(before.tokens) <= 300
    assert 0 < len(after.tokens) <= 100


def test_never_is_more_tokenised_than_the_budget_allows_for() -> None:
    longest = 0

    def tokens(text: str) -> list[int]:
        nonlocal longest
        longest = max(longest, len(text))
        return bytes_of(text)

    windows("x" * 1_000_000, "y" * 1_000_000, 1000, tokens)
    windows(LINES * 50, LINES * 50, 1000, tokens)
    assert longest <= 4 * 1000


def test_what_one_side_does_not_need_goes_to_the_other() -> None:
    before, after = windows("", LINES, 400, bytes_of)
    assert len(before.tokens) == 0
    assert len(after.tokens) > 200
    assert len(window_after(LINES, 100, bytes_of).tokens) <= 100


def seam(text: str, *pieces: bytes) -> tuple[bytes, bytes]:
    """What is kept and what is spelt again, for a text of these tokens."""
    assert b"".join(pieces).decode() == text
    typed = text[text.rfind("\n") + 1 :]
    found = find_seam(list(range(len(pieces))), typed, lambda i: pieces[i])
    return b"".join(pieces[: found.n_kept]), found.constraint


def test_a_word_is_taken_back_to_its_first_token() -> None:
    assert seam("    retu", b"   ", b" ret", b"u") == (b"   ", b" retu")
    assert seam("self.na", b"self", b".na") == (b"self", b".na")
    assert seam("foo_ba", b"foo", b"_", b"ba") == (b"", b"foo_ba")


def test_a_cursor_after_an_opening_bracket_takes_back_the_bracket() -> None:
    assert seam("f(", b"f", b"(") == (b"f", b"(")


def test_white_space_is_left_alone() -> None:
    assert seam("x = ", b"x", b" =", b" ") == (b"x = ", b"")
    assert seam("    ", b"    ") == (b"    ", b"")


def test_nothing_is_taken_back_over_the_start_of_the_line() -> None:
    assert seam("a\n", b"a", b"\n") == (b"a\n", b"")
    assert seam("a\nb", b"a", b"\nb") == (b"a\nb", b"")
    assert seam("", b"") == (b"", b"")


def test_a_long_run_is_left_alone() -> None:
    word = "x" * (MAX_HEALED_BYTES + 1)
    assert seam(word, word.encode()) == (word.encode(), b"")


def test_the_seam_is_the_same_at_each_keystroke_inside_a_word() -> None:
    kept = {
        seam("x = retur", b"x", b" =", b" ret", b"ur")[0],
        seam("x = re", b"x", b" =", b" re")[0],
        seam("x = r", b"x", b" =", b" r")[0],
    }
    assert kept == {b"x ="}


def test_healing_cuts_the_prompt_and_constrains_the_answer() -> None:
    built = build("above\n  typed", " rest", PromptOrder.PSM_ANCHORED, heal=True)
    assert readable(built) == "<P>above\n<S> rest<M> "
    assert built.constraint == b" typed"


@pytest.mark.parametrize(
    ("typed", "spelt", "spelt_with_space"),
    [
        ("x = retu", " retu", " retu"),
        ("call(self", "(self", "(self"),
        ("a.b_c2", ".b_c2", ".b_c2"),
        ("name", "name", "name"),
        ("x12", "x12", "x12"),
        # A digit stands alone for a tokenizer.
        ("1 ==", " ==", " =="),
        ("f((", "((", "(("),
        ("return ", "", " "),
        ("        ", "", "        "),
        ("", "", ""),
    ],
)
def test_what_is_spelt_again(typed: str, spelt: str, spelt_with_space: str) -> None:
    tokens = [ord(c) for c in typed]

    def spelling(*, heals_space: bool) -> str:
        seam = find_seam(tokens, typed, lambda t: bytes([t]), heals_space=heals_space)
        assert seam.n_kept == len(typed) - len(seam.constraint)
        return seam.constraint.decode()

    assert spelling(heals_space=False) == spelt
    assert spelling(heals_space=True) == spelt_with_space


def test_the_seam_is_where_training_cut() -> None:
    """The built-in model saw prompts end there and nowhere else (`training.holes.seam`)."""
    for text in ("    if x.retu", "f(a, b", "a = [1, 2", "return ", "    ", "x +=", '"a b', "x12"):
        tokens = [ord(c) for c in text]
        seam_ = find_seam(tokens, text, lambda t: bytes([t]), heals_space=True)
        assert seam_.n_kept == training_seam(text, 0, len(text)), text


def test_an_open_end_needs_no_constraint() -> None:
    assert find_seam([1, 2], "", lambda _: b"x") == Seam(2, b"")


QWEN_LIKE = ("def f():\n", "    return 1\n\n\n", "x")


def test_blocks_are_cut_where_it_changes_nothing() -> None:
    seen: list[str] = []

    def tokenize(text: str) -> list[int]:
        seen.append(text)
        return bytes_of(text)

    blocks = BlockTokenizer(tokenize)
    assert blocks.cuts
    seen.clear()
    text = "".join(QWEN_LIKE)
    assert blocks.tokens(text) == bytes_of(text)
    assert tuple(seen) == QWEN_LIKE
    seen.clear()
    assert blocks.tokens(text + "y") == bytes_of(text + "y")
    assert seen == ["xy"]


def test_a_tokenizer_that_joins_lines_is_not_cut() -> None:
    def tokenize(text: str) -> list[int]:
        return [len(text), *text.encode()]

    blocks = BlockTokenizer(tokenize)
    assert not blocks.cuts
    assert blocks.tokens("a\nb\n") == tokenize("a\nb\n")


def test_the_cache_of_blocks_is_bounded() -> None:
    blocks = BlockTokenizer(bytes_of)
    for n in range(300):
        assert len(blocks.tokens(f"{n:05}" * 2000)) == 10_000
    assert blocks.n_cached_chars <= 1_100_000

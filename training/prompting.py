"""A case → the tokens a model is given, in each of the orders that are compared."""

from __future__ import annotations

from dataclasses import dataclass

from training.cases import Case
from training.holes import seam
from training.runtime import Runtime

ORDERS = ("spm", "spm-anchored", "psm", "psm-anchored")


@dataclass(frozen=True)
class Window:
    """How much text a prompt holds, in tokens."""

    prefix: int = 1200
    suffix: int = 300


@dataclass(frozen=True)
class Prompt:
    tokens: list[int]
    typed: bytes
    """What the answer has to begin with: what stands before the cursor from the seam on."""
    above: list[int]
    """The prompt's text before the cursor, without control tokens."""
    below: list[int]


def build(case: Case, runtime: Runtime, order: str, window: Window, *, heal: bool) -> Prompt:
    above_text, newline, line = case.prefix.rpartition("\n")
    typed = ""
    if heal:
        at = seam(line, 0, len(line))
        typed, line = line[at:], line[:at]
    # Whole lines only: at most four characters a token, then cut to the window by tokens.
    above = _last_lines(runtime, above_text + newline, window.prefix)
    below = _first_lines(runtime, case.suffix, window.suffix)
    on_line = runtime.tokenize(line) if line else []
    at_cursor = above + on_line
    if not order.endswith("anchored"):
        # One text, so that the line's indentation joins the line break before it as in training.
        at_cursor = _last_lines(runtime, above_text + newline + line, window.prefix + len(on_line))
    before = {
        "spm": [runtime.suffix, *below, runtime.prefix, *at_cursor, runtime.middle],
        "psm": [runtime.prefix, *at_cursor, runtime.suffix, *below, runtime.middle],
        "spm-anchored": [runtime.suffix, *below, runtime.prefix, *above, runtime.middle, *on_line],
        "psm-anchored": [runtime.prefix, *above, runtime.suffix, *below, runtime.middle, *on_line],
    }[order]
    return Prompt(before, typed.encode(), at_cursor, below)


def _last_lines(runtime: Runtime, text: str, n_tokens: int) -> list[int]:
    text = text[-6 * n_tokens :]
    tokens = runtime.tokenize(text)
    while len(tokens) > n_tokens and "\n" in text:
        drop = max(1, int(len(text) * (1 - n_tokens / len(tokens))) - 40)
        at = text.find("\n", drop)
        text = text[at + 1 :] if at >= 0 else text[drop:]
        tokens = runtime.tokenize(text)
    return tokens[-n_tokens:]


def _first_lines(runtime: Runtime, text: str, n_tokens: int) -> list[int]:
    text = text[: 6 * n_tokens]
    tokens = runtime.tokenize(text)
    while len(tokens) > n_tokens and "\n" in text:
        text = text.rsplit("\n", 1)[0]
        tokens = runtime.tokenize(text)
    return tokens[:n_tokens]

"""Models that count do so by construction; and numbers are written as ggml reads them."""

from __future__ import annotations

import numpy as np
import pytest

from bench.oracle_heads import Counting
from bench.random_weights import encoded


@pytest.mark.parametrize(("n_tokens", "n_cycle", "width"), [(260, 256, 64), (3000, 2000, 896)])
def test_the_output_finds_the_next_token(n_tokens: int, n_cycle: int, width: int) -> None:
    counting = Counting(n_tokens, n_cycle, width)
    said = (counting.output() @ counting.embeddings[:n_cycle].T).argmax(axis=0)
    assert (said == (np.arange(n_cycle) + 1) % n_cycle).all()


def test_a_step_leads_from_each_token_to_the_next() -> None:
    counting = Counting(260, 256, 64)
    there = counting.embeddings[:256] @ counting.step.T
    assert np.allclose(there, np.roll(counting.embeddings[:256], -1, axis=0), atol=1e-4)


def test_noise_is_the_share_of_wrong_tokens() -> None:
    counting = Counting(3000, 2000, 128)
    said = (counting.output(0.3) @ counting.embeddings[:2000].T).argmax(axis=0)
    wrong = (said != (np.arange(2000) + 1) % 2000).mean()
    assert wrong == pytest.approx(0.3, abs=0.03)


def test_eight_bits_hold_numbers_to_half_a_step() -> None:
    values = np.random.default_rng(1).normal(size=(4, 64)).astype(np.float32)
    blocks = np.frombuffer(encoded("Q8_0", values), np.uint8).reshape(-1, 34)
    scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    found = scales * blocks[:, 2:].view(np.int8)
    assert np.abs(found.reshape(4, 64) - values).max() <= scales.max() * 0.51


def test_other_kinds_hold_zeros_only() -> None:
    assert encoded("Q4_0", np.zeros(64)) == bytes(36)
    with pytest.raises(ValueError, match="Q4_0"):
        encoded("Q4_0", np.ones(64))

"""How an engine is set up. Frozen: a change means a new engine."""

from __future__ import annotations

from pathlib import Path

import msgspec

from inference.models.catalogue import PromptOrder
from inference.types import SpeculationMode


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    model_path: Path | None = None
    """A GGUF file; None is the built-in model."""
    draft_model_path: Path | None = None
    """A GGUF file that drafts for the model: a smaller model with the same tokens, or an EAGLE-3
    head made for it."""
    use_draft_heads: bool = True
    """Draft with the layers for it (MTP) where the model's own file has them."""
    n_ctx: int | None = None
    """Tokens one request may use; None lets the model and the free memory decide."""
    n_threads: int | None = None
    """The most to use; None lets `inference.hardware` decide."""
    adapt_threads: bool = True
    """Use fewer while other programs need the cores (`inference/threads.py`). False always uses all
    of them; for tests and comparisons."""
    n_gpu_layers: int | None = None
    """Layers to offload; None offloads all of them where the runtime has a GPU."""
    use_prefix_cache: bool = True
    """False evaluates every prompt from its start; for tests and comparisons."""
    keep_logits: bool = True
    """Keep what was computed after the last prompts (`inference/known_rows.py`). False evaluates at
    least the last token of each; for tests and comparisons."""
    exact_reuse: bool = False
    """Makes reuse bit-exact for K-quantised models too, at the price of evaluating at least eight
    tokens a request. Other models are exact anyway; see docs/engine.md."""
    use_cache_model: bool = True
    """Mix what the open file says comes next into the model's choice, for the families that gain by
    it (docs/engine.md). False is the model alone; for tests and comparisons."""
    prompt_order: PromptOrder | None = None
    """Order of fill-in-the-middle prompts; None takes the model family's from the catalogue."""
    speculate: SpeculationMode = SpeculationMode.AUTO
    """When drafted tokens are checked; docs/engine.md says what `AUTO` decides by."""
    share_decodes: bool = True
    """Let requests that decode at once share a call of the runtime where that changes no bit and is
    cheaper (`inference/batching.py`). False is a call each; for tests and comparisons."""
    use_token_healing: bool = True
    """Back up over what was typed of a word and let the model choose its tokens anew, constrained
    to the typed characters. False ends the prompt wherever the cursor is."""

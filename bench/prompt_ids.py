"""The token ids of the prompt that the server builds for a place in a document.

They are made by the engine's own prompt builder over a second copy of the model's vocabulary, so
that llama.cpp can be given exactly what the server evaluates.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from inference import EngineConfig, FimPrompt, GenerationRequest, SamplingParams
from inference.loading import load_model
from lsp.protocol import StatusModel
from lsp.settings import InlineCompletionSettings


class PromptIds:
    """Prompts for the model that a server says it has loaded. Belongs to the thread it is made
    on."""

    def __init__(self, model: StatusModel, max_tokens: int | None = None) -> None:
        """
        Args:
            max_tokens: that the server was told to write at most; None if it was told nothing.

        Raises ModelError.
        """
        config = EngineConfig(model_path=Path(model.path), n_ctx=model.n_ctx, n_threads=1)
        self._loaded = load_model(config, lambda _progress: True)
        self._sampling = SamplingParams(
            max_tokens=max_tokens or InlineCompletionSettings().max_tokens
        )

    def of(self, uri: str, text: str, offset: int) -> list[int]:
        """The prompt for a cursor at `offset`, with the file outside any open folder."""
        prompt = FimPrompt(prefix=text[:offset], suffix=text[offset:], path=PurePosixPath(uri).name)
        request = GenerationRequest(prompt=prompt, sampling=self._sampling)
        return self._loaded.prompts.build(request).tokens

    def close(self) -> None:
        """Free the model."""
        self._loaded.backend.close()

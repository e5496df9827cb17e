"""Any prompt of a request as tokens for the loaded model."""

from __future__ import annotations

from inference.backends.vocabulary import Vocabulary
from inference.cache_model import CacheModel, Evidence, NgramEvidence, NgramIndex, Weights
from inference.errors import InferenceError, PromptTooLongError
from inference.models.catalogue import PromptOrder, family_named
from inference.models.summary import ModelSummary
from inference.names import NameEvidence
from inference.prompts.blocks import BlockTokenizer
from inference.prompts.chat import ChatPromptBuilder
from inference.prompts.fim import BuiltPrompt, FimPromptBuilder
from inference.speculation.aligned_text import AlignedText
from inference.speculation.draft import Drafter
from inference.speculation.habits import MAX_READ, Habits, Successors
from inference.speculation.lookup import Lookup
from inference.speculation.symbols import Symbols
from inference.types import ChatPrompt, FimPrompt, GenerationRequest, TextPrompt

_HEALING_ROOM = 16
"""Tokens to spell the constraint of a healed prompt."""


class PromptBuilder:
    """Builds prompts for one loaded model."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        summary: ModelSummary,
        n_ctx: int,
        *,
        order: PromptOrder | None = None,
        heal: bool = True,
        use_cache_model: bool = True,
    ) -> None:
        """
        Args:
            order: of fill-in-the-middle prompts; None takes the model family's.
            use_cache_model: where the family has weights for it.
        """
        family = family_named(summary.family)
        self._vocabulary = vocabulary
        self._n_ctx = n_ctx
        self._fim = FimPromptBuilder(
            vocabulary,
            summary.fim,
            order or family.prompt_order,
            heal=heal,
            heals_space=family.heals_space,
        )
        self._blocks = BlockTokenizer(vocabulary.tokenize)
        self._chat = ChatPromptBuilder(vocabulary, summary, self._blocks.tokens)
        self._family = family
        self._use_cache_model = use_cache_model
        self._file: tuple[BuiltPrompt, NgramIndex] | None = None
        self._related: tuple[tuple[str, ...], NgramIndex] | None = None
        # Of its own, so that a project does not push the open file's blocks out.
        self._related_blocks = BlockTokenizer(vocabulary.tokenize)
        self._name_pieces = BlockTokenizer(vocabulary.tokenize)
        self._successors = Successors()

    @property
    def supports_chat(self) -> bool:
        """Whether the model takes a `ChatPrompt`."""
        return self._chat.is_supported

    def build(self, request: GenerationRequest, *, window_tokens: int | None = None) -> BuiltPrompt:
        """
        Args:
            window_tokens: of fill-in-the-middle, most tokens of the text around the cursor.

        Raises `PromptTooLongError`; for conversations what `ChatPromptBuilder.build` does.
        """
        prompt = request.prompt
        n_answer = max(request.sampling.max_tokens, request.answer_tokens)
        n_answer = min(n_answer, self._n_ctx // 2)
        if isinstance(prompt, ChatPrompt):
            return self._chat.build(prompt, self._n_ctx - n_answer)
        if isinstance(prompt, FimPrompt):
            room = self._n_ctx - n_answer - _HEALING_ROOM
            return self._fim.build(prompt, room, request.sequence_hint, window_tokens)
        tokens = self._plain(prompt.text) if isinstance(prompt, TextPrompt) else prompt.tokens
        if len(tokens) >= self._n_ctx:
            raise self._too_long(str(len(tokens)))
        unknown = [token for token in tokens if not 0 <= token < len(self._vocabulary)]
        if unknown:
            raise InferenceError(f"The model has no token {unknown[0]}.")
        return BuiltPrompt(list(tokens), above=tokens)

    def cache_model(self, request: GenerationRequest, prompt: BuiltPrompt) -> CacheModel | None:
        """What the file and its project say comes next, for families that gain by it."""
        if not isinstance(request.prompt, FimPrompt) or not self._use_cache_model:
            return None
        evidence: list[Evidence] = []
        if self._family.file_weights:
            evidence.append(NgramEvidence(self._file_index(prompt), self._family.file_weights))
        if self._family.project_weights and request.prompt.related:
            project = self._related_index(request.prompt.related)
            evidence.append(NgramEvidence(project, self._family.project_weights))
        if self._family.name_weights:
            evidence.append(self._names(prompt, self._family.name_weights))
        return CacheModel(evidence) if evidence else None

    def drafters(self, request: GenerationRequest, prompt: BuiltPrompt) -> list[Drafter]:
        """Who may guess tokens of the answer."""
        n_before = len(prompt.above)
        drafters: list[Drafter] = []
        for name, text in (("old-text", request.old_text), ("shown-text", request.shown_text)):
            if text:
                # The answer begins with what the model spells again of the text before it.
                typed = prompt.constraint.decode("utf-8", "ignore")
                tokens = self._blocks.tokens(typed + text)
                drafters.append(AlignedText(name, tokens, n_before))
        indexes = [self._file_index(prompt)]
        if isinstance(request.prompt, FimPrompt) and request.prompt.related:
            indexes.append(self._related_index(request.prompt.related))
        drafters.append(Lookup(indexes, n_before))
        self._successors.read(prompt.above[-MAX_READ:])
        drafters.append(Habits(self._successors, n_before))
        if isinstance(request.prompt, FimPrompt):
            piece, tokens = self._vocabulary.piece, self._name_pieces.tokens
            drafters.append(Symbols(lambda: self._text(prompt), piece=piece, tokenize=tokens))
        return drafters

    def _text(self, prompt: BuiltPrompt) -> str:
        """What the prompt says, above and below."""
        parts = map(self._vocabulary.text, (prompt.above, prompt.below))
        return b"\n".join(parts).decode("utf-8", "ignore")

    def _file_index(self, prompt: BuiltPrompt) -> NgramIndex:
        """One for the cache model and the drafters of the same prompt."""
        if self._file is None or self._file[0] is not prompt:
            self._file = prompt, NgramIndex((prompt.below, prompt.above))
        return self._file[1]

    def _names(self, prompt: BuiltPrompt, weights: Weights) -> NameEvidence:
        return NameEvidence(
            lambda: self._text(prompt),
            weights,
            piece=self._vocabulary.piece,
            tokenize=self._name_pieces.tokens,
        )

    def _related_index(self, texts: tuple[str, ...]) -> NgramIndex:
        """Made anew only when the texts change: comparing the same objects costs nothing."""
        if self._related is None or self._related[0] != texts:
            index = NgramIndex([self._related_blocks.tokens(text) for text in texts])
            self._related = texts, index
        return self._related[1]

    def stops(self, request: GenerationRequest) -> tuple[str, ...]:
        """Stop strings of the model's family or template, beside the request's own."""
        if isinstance(request.prompt, ChatPrompt):
            return self._chat.stop_texts
        return self._family.stop_texts if isinstance(request.prompt, FimPrompt) else ()

    def _plain(self, text: str) -> list[int]:
        # Not even tokenised if it cannot fit: every token has a bounded number of bytes.
        least = len(text) // self._vocabulary.max_piece_bytes
        if least >= self._n_ctx:
            raise self._too_long(f"at least {least}")
        beginning = self._vocabulary.beginning_id
        start = [] if beginning is None else [beginning]
        return start + self._blocks.tokens(text)

    def _too_long(self, n_tokens: str) -> PromptTooLongError:
        return PromptTooLongError(
            f"The prompt has {n_tokens} tokens and the model's context {self._n_ctx}. "
            "Shorten the prompt, or give the model a larger n_ctx."
        )

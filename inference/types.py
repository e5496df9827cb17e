"""What callers exchange with the engine: requests, chunks, results, descriptions. No behaviour."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec

from inference.chat_types import ChatPrompt


class Priority(IntEnum):
    """Who goes first. A lower number preempts a higher one at a token or chunk boundary."""

    INLINE = 0
    ACTION = 1
    CHAT = 2
    WARMUP = 3


class EngineState(StrEnum):
    """`stopped → loading → ready | failed`, then `closed`."""

    STOPPED = "stopped"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"


class FinishReason(StrEnum):
    STOP = "stop"
    """An end-of-generation token or a stop string."""
    LENGTH = "length"
    """`max_tokens`, or the context is full."""
    CANCELLED = "cancelled"


class SamplingParams(msgspec.Struct, frozen=True, kw_only=True):
    """How tokens are chosen. The defaults are greedy and deterministic."""

    max_tokens: int = 64
    temperature: float = 0.0
    """0 is greedy; the other fields but `max_tokens` and `stop` then change nothing."""
    top_k: int = 40
    """0 keeps all tokens."""
    top_p: float = 0.95
    min_p: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    """Generation ends before the first of these; the string itself is not part of the text."""
    with_logprobs: bool = True
    """Whether log-probabilities are wanted. With a large vocabulary these take most of the time
    that choosing a token does."""


class SpeculationMode(StrEnum):
    """When drafted tokens are checked. The text is the same in `AUTO` and `NEVER`."""

    AUTO = "auto"
    """Where requests of the kind are quicker in the mean."""
    ALWAYS = "always"
    """In every request: its calls then all have the rows that checking needs."""
    NEVER = "never"


class FimPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """Fill in the middle: the text around a cursor. The engine chooses window, order and tokens."""

    prefix: str
    """Text before the cursor, as much as the caller has: the engine cuts it to budget."""
    suffix: str
    """Text after the cursor."""
    path: str = ""
    """The file's path inside its project, for models trained with file names; may be empty."""
    related: tuple[str, ...] = ()
    """Texts of the project's other files. They are not part of the prompt: a cache language model
    may draw on them. Cheap as long as they stay the same objects."""


class TextPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """Plain text to continue. Control tokens in it stay text."""

    text: str


class TokenPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """Token ids as they are; for benchmarks and tests."""

    tokens: tuple[int, ...]


class Grammar(msgspec.Struct, frozen=True, kw_only=True):
    """The form an answer must have, in GBNF, llama.cpp's notation.

    Where the model's own choice fits, it stays; where not, the tokens that fit compete alone. The
    text is the same with drafts and without. The rules are the program's own: text from outside
    must not be in them, as the runtime trusts them.
    """

    rules: str
    """They begin with `root ::= …`."""
    after: str = ""
    """The form begins behind this text, wherever the answer first has it; empty: at once."""


Prompt = FimPrompt | TextPrompt | TokenPrompt | ChatPrompt


class GenerationRequest(msgspec.Struct, frozen=True, kw_only=True):
    prompt: Prompt
    sampling: SamplingParams = SamplingParams()
    priority: Priority = Priority.INLINE
    sequence_hint: str = ""
    """Requests with the same hint (a document's uri, a conversation's id) tend to share a prefix.
    It only guides which cached sequence is kept; any cached prefix may be reused."""
    old_text: str = ""
    """What the answer replaces: the present text of a region to be edited. The answer is drafted
    from it."""
    grammar: Grammar | None = None
    """Not for a `FimPrompt`. Not applied where a chat template has begun the answer with a thought.
    A broken one ends the generation with `GrammarError`."""
    answer_tokens: int = 0
    """Room to leave behind the prompt, if that is more than `max_tokens`. One that is read ahead
    leaves what the requests after it may generate: with more room it would be another prompt."""
    patience_ms: float | None = None
    """Of a `FimPrompt`: where reading it would take longer, less of the text around the cursor is
    read, and the whole when there is time, for the requests after this one. What is answered then
    depends on what was read before. None: the whole is read, however long it takes."""
    shown_text: str = ""
    """The rest of a suggestion that was nearly right. Drafted from where that costs nothing."""


class Chunk(msgspec.Struct, frozen=True):
    """A piece of streamed output. `len(token_ids) == len(logprobs)` where these are wanted; `text`
    may be empty or hold the text of several tokens, as bytes of a character can be split over
    tokens."""

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Natural logarithm of each chosen token's probability, at temperature 1, before any filter."""


class DraftCounts(msgspec.Struct, frozen=True):
    """Of one drafter."""

    n_drafted: int = 0
    """Tokens given to the model to check."""
    n_accepted: int = 0

    def __add__(self, other: DraftCounts) -> DraftCounts:
        return DraftCounts(self.n_drafted + other.n_drafted, self.n_accepted + other.n_accepted)


def add_counts(
    some: dict[str, DraftCounts], others: dict[str, DraftCounts]
) -> dict[str, DraftCounts]:
    """Sums by drafter, in the order of their names."""
    none = DraftCounts()
    names = sorted({*some, *others})
    return {name: some.get(name, none) + others.get(name, none) for name in names}


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a request cost.

    `n_prompt_tokens = n_reused_tokens + n_evaluated_tokens` once prefill has finished.
    """

    n_prompt_tokens: int = 0
    n_reused_tokens: int = 0
    n_evaluated_tokens: int = 0
    drafters: dict[str, DraftCounts] = {}
    """What was drafted, by drafter, and how much of it was right."""
    n_decoded_tokens: int = 0
    """Tokens generated, the end-of-generation token included."""
    n_known_tokens: int = 0
    """Of these, what an earlier request with the same prompt had computed before it was stopped."""
    n_put_off_tokens: int = 0
    """By how many the prompt was shorter than the whole one, for which there was no patience."""
    n_steps: int = 0
    """Calls of the runtime that chose tokens; without speculation as many as decoded tokens."""
    n_shared_steps: int = 0
    """Of these, calls in which other requests had a part."""
    n_dropped_messages: int = 0
    """Of a conversation that was too long: its oldest ones, which the model did not see."""
    queue_ms: float = 0.0
    """From submit to the first work done."""
    prefill_ms: float = 0.0
    first_text_ms: float | None = None
    """From submit to the first text handed out; None if there was none."""
    total_ms: float = 0.0

    @property
    def n_drafted_tokens(self) -> int:
        return sum(counts.n_drafted for counts in self.drafters.values())

    @property
    def n_accepted_tokens(self) -> int:
        return sum(counts.n_accepted for counts in self.drafters.values())


class GenerationResult(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: FinishReason
    usage: Usage

    @property
    def mean_logprob(self) -> float | None:
        """Mean log-probability of the chosen tokens; None where there are none."""
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else None


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A loaded model, described for people and for `sotto/status`."""

    name: str
    path: str
    arch: str
    n_params: int
    quantization: str
    n_ctx: int
    """Tokens one request may use, prompt and answer together."""
    size_bytes: int
    is_builtin: bool
    supports_fim: bool
    min_line_logprob: float
    """Default of the confidence gate for this model's family."""
    supports_chat: bool = False
    """Whether it takes a `ChatPrompt`."""


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    state: EngineState
    model: ModelInfo | None = None
    backend: str = ""
    n_threads: int = 0
    """Used now to decode a token; fewer than usual while other programs need the cores."""
    load_progress: float | None = None
    """0 to 1 while loading."""
    notice: str | None = None
    """What is not as it was asked for though the state is `ready`: a shorter context, say."""
    error: str | None = None
    """Why the state is `failed`: one sentence for a person, with what to do."""

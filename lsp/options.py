"""The wire form of the configuration: what an editor may send. Everything is optional.

The descriptions here are the ones in `docs/configuration.md`; defaults live in `lsp.settings`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

AutoAlwaysNever = Literal["auto", "always", "never"]


class _Group(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Keys are camelCase on the wire; an absent or null key leaves the default."""


class ModelOptions(_Group):
    """Which model runs, and on what."""

    path: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="A model file (GGUF): an absolute path, or one that starts with `~`. "
                "Without it the built-in model is used. The command line's `--model` wins over "
                "it. After start-up a path inside an open workspace folder is refused.",
            ),
        ]
        | None
    ) = None
    draft_path: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="A file (GGUF) that drafts for the model, which then writes several "
                "words at once where the draft was right: a smaller model of the same family, or "
                "an EAGLE-3 head made for it. The same paths are allowed as for `path`. Layers for "
                "drafting in the model's own file (MTP) are used without this.",
            ),
        ]
        | None
    ) = None
    context_size: (
        Annotated[
            int,
            Meta(
                ge=256,
                le=1_048_576,
                description="Tokens one request may use, prompt and answer together. "
                "Without it the model and the free memory decide.",
            ),
        ]
        | None
    ) = None
    gpu_layers: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=10_000,
                description="Layers to run on the GPU; 0 keeps the model on the CPU. "
                "Without it all of them, where the runtime has a GPU.",
            ),
        ]
        | None
    ) = None
    threads: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=1024,
                description="Threads that compute at most; never more than the processors Sotto "
                "may run on. Without it the machine's cores decide.",
            ),
        ]
        | None
    ) = None
    fallback_to_builtin: (
        Annotated[
            bool,
            Meta(description="Use the built-in model when the configured one cannot be loaded."),
        ]
        | None
    ) = None
    unload_after_minutes: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=10_080,
                description="Minutes without a request after which the model's memory is given "
                "back; 0 keeps it. The next request loads the model again, waits for it, and "
                "evaluates its document anew.",
            ),
        ]
        | None
    ) = None


class InlineCompletionOptions(_Group):
    """The suggestion at the cursor."""

    enabled: (
        Annotated[bool, Meta(description="Suggest at all, as ghost text or in completion lists.")]
        | None
    ) = None
    max_lines: (
        Annotated[int, Meta(ge=1, le=200, description="Most lines a suggestion may have.")] | None
    ) = None
    max_tokens: (
        Annotated[int, Meta(ge=1, le=2048, description="Most tokens the model may write for one.")]
        | None
    ) = None
    min_confidence: (
        Annotated[
            float,
            Meta(
                ge=0,
                le=1,
                description="What the model is less sure of is not shown while you type: a "
                "suggestion ends before the first word that makes its line less probable than "
                "this. 0 shows everything. Without it the model's own default is used. "
                "A suggestion you ask for is always shown.",
            ),
        ]
        | None
    ) = None
    candidates: (
        Annotated[
            int, Meta(ge=1, le=8, description="How many to offer when you ask for a suggestion.")
        ]
        | None
    ) = None
    disabled_languages: (
        Annotated[
            list[str],
            Meta(
                description="Language ids, as your editor names them, in which nothing is "
                "suggested, such as `markdown`."
            ),
        ]
        | None
    ) = None
    multiline: (
        Annotated[
            AutoAlwaysNever,
            Meta(
                description="`auto`: several lines on a blank line and after what opens a block, "
                "one line elsewhere; `always`: several lines anywhere; `never`: one line."
            ),
        ]
        | None
    ) = None
    patience_ms: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=60_000,
                description="How long reading the text around the cursor may take before a "
                "suggestion, in milliseconds by what this machine can do. Where the whole would "
                "take longer, the nearest lines are read first, and the rest while nothing else is "
                "to be done. 0: always the whole.",
            ),
        ]
        | None
    ) = None
    warm_up: (
        Annotated[
            bool,
            Meta(
                description="Read the text around the cursor ahead, where the cursor rests and the "
                "model has nothing else to do, so that the first suggestion at a new place comes "
                "quickly. Costs energy; the larger the model, the longer the cursor has to rest."
            ),
        ]
        | None
    ) = None


class CompletionOptions(_Group):
    """The same suggestion in the editor's completion list."""

    enabled: (
        Annotated[
            AutoAlwaysNever,
            Meta(description="`auto`: only for editors without ghost text; `always`; `never`."),
        ]
        | None
    ) = None


class CustomAction(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A code action of the user's own: an instruction for the model, and where it applies."""

    title: Annotated[str, Meta(min_length=1, max_length=80, description="As the menu shows it.")]
    instruction: Annotated[
        str, Meta(min_length=1, max_length=4000, description="What the model is told to do.")
    ]
    applies_to: Annotated[
        Literal["selection", "function", "file"],
        Meta(description="What is rewritten, and thereby where the action is offered."),
    ] = "selection"
    languages: Annotated[
        tuple[str, ...],
        Meta(description="Language ids in which it is offered; empty: in all of them."),
    ] = ()


class ActionOptions(_Group):
    """Code actions: [actions.md](actions.md) says what each does."""

    enabled: Annotated[bool, Meta(description="Offer code actions at all.")] | None = None
    disabled: (
        Annotated[
            list[str],
            Meta(
                description="Actions that are not offered: `fix`, `body`, `docstring`, `types`, "
                "`extract-function`, `extract-variable`, `rename`, `simplify`, `convert`, "
                "`sort-imports`, `tests`, `rewrite`, `explain`."
            ),
        ]
        | None
    ) = None
    max_answer_tokens: (
        Annotated[int, Meta(ge=64, le=8192, description="Most tokens the model may write for one.")]
        | None
    ) = None
    custom: (
        Annotated[
            list[CustomAction],
            Meta(
                description="Your own: each has a `title`, an `instruction`, what it `appliesTo` "
                '(`"selection"`, `"function"` or `"file"`) and, if not for all, its `languages`. '
                "They count in the initialization options only, as an opened folder must not add "
                "any."
            ),
        ]
        | None
    ) = None


class ChatOptions(_Group):
    """The conversation with the model: [chat.md](chat.md) says how it works."""

    enabled: Annotated[bool, Meta(description="Answer `sotto/chat` at all.")] | None = None
    max_tokens: (
        Annotated[
            int, Meta(ge=16, le=32_768, description="Most tokens of one answer, or of one step.")
        ]
        | None
    ) = None
    temperature: (
        Annotated[
            float,
            Meta(
                ge=0,
                le=2,
                description="0 always takes the likeliest word; more makes answers more varied.",
            ),
        ]
        | None
    ) = None
    thinking: (
        Annotated[
            AutoAlwaysNever,
            Meta(
                description="Whether the model thinks before it answers, where its template lets "
                "one choose; `auto` leaves it to the template."
            ),
        ]
        | None
    ) = None
    max_steps: (
        Annotated[int, Meta(ge=1, le=30, description="Most tools one answer may use.")] | None
    ) = None
    allowed_commands: (
        Annotated[
            list[str],
            Meta(
                description="Commands the model may run, each spelt out, such as `make test`; you "
                "are asked each time all the same. They count in the initialization options only, "
                "as an opened folder must not add any."
            ),
        ]
        | None
    ) = None
    keep_conversations: (
        Annotated[
            bool,
            Meta(
                description="Keep conversations in your data folder, readable by you alone. False "
                "keeps nothing new; what is there stays until it is deleted."
            ),
        ]
        | None
    ) = None


class LoggingOptions(_Group):
    """The server's log. Where it goes is said on the command line."""

    level: (
        Annotated[
            Literal["debug", "info", "warning", "error"],
            Meta(description="How much is logged; never your text. `--log-level` wins over it."),
        ]
        | None
    ) = None


class Options(_Group):
    """Everything under the section `sotto`."""

    model: ModelOptions | None = None
    inline_completion: InlineCompletionOptions | None = None
    completion: CompletionOptions | None = None
    actions: ActionOptions | None = None
    chat: ChatOptions | None = None
    logging: LoggingOptions | None = None

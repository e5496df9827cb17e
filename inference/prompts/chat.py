"""Conversations as prompts, by the chat template in the model's file.

A template writes control tokens (`<|im_start|>`) as text, between texts that may hold anything. So
the template never sees the texts: it gets placeholders, and only what it wrote itself is searched
for control tokens. A `<|im_end|>` inside a message stays plain text. White space at the edges of a
text is left to the template, as many trim it.

Some models have tokens for text that has a meaning to them (`<tool_response>`) and is no control
token; the tokenizer makes them of any text. In messages such text is cut after its first character,
so that it becomes other tokens than the template's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from inference.backends.vocabulary import Vocabulary
from inference.chat_types import ChatMessage, ChatPrompt, ChatRole, Tool
from inference.errors import ChatTemplateError, ChatUnsupportedError, PromptTooLongError
from inference.models.summary import ModelSummary
from inference.prompts import generic_tools
from inference.prompts.fim import BuiltPrompt
from inference.prompts.hidden_texts import HiddenTexts
from inference.prompts.template_sandbox import ChatTemplate, TemplateRefusedError
from inference.prompts.turns import joined, n_to_drop, split_turns

_CHATML = (
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
)
_CHATML_TOKENS = frozenset({"<|im_start|>", "<|im_end|>"})
_MIN_STRUCTURAL_CHARS = 3
_TOKENS_AROUND = 8
"""What a template adds to a message, about."""
_MAX_CUTS = 2_000
_OPENING = re.compile(r"(<think>|\[THINK\])\s*\Z")

Messages = Sequence[ChatMessage]


@dataclass(frozen=True, slots=True)
class _Habits:
    """What a template does, found out by letting it render a short conversation."""

    takes_system: bool
    takes_tools: bool
    after_answer: str
    """What stands between an answer and the next question."""
    fixed_text: str
    """Its source, and what it made of it."""


class ChatPromptBuilder:
    """Builds prompts for one model. For the engine thread."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        summary: ModelSummary,
        tokens: Callable[[str], list[int]],
    ) -> None:
        """
        Args:
            tokens: of plain text.
        """
        self._vocabulary = vocabulary
        self._name = summary.name
        self._source = summary.chat_template
        # The built-in model has the tokens, but has never seen a conversation.
        has_none = not summary.has_chat_template and not summary.is_builtin
        if has_none and vocabulary.special.keys() >= _CHATML_TOKENS:
            self._source = _CHATML
        self._tokens = tokens
        self._cuts: dict[str, list[str | int]] = {}

    @property
    def is_supported(self) -> bool:
        return self._source is not None

    @property
    def stop_texts(self) -> tuple[str, ...]:
        """Where a template ends answers with plain text, that text. Raises `ChatTemplateError`."""
        first = self._cut(self._habits.after_answer)[:1]
        return (first[0].strip(),) if first and isinstance(first[0], str) else ()

    def build(self, prompt: ChatPrompt, budget: int) -> BuiltPrompt:
        """
        Args:
            budget: tokens the prompt may have.

        Raises `ChatUnsupportedError`, `ChatTemplateError`, or `PromptTooLongError` if not even the
        last turn fits.
        """
        if self._source is None:
            raise ChatUnsupportedError(
                f"{self._name} takes no conversations, as its file has no chat template. Choose a "
                "model whose name ends in Instruct or Chat, such as Qwen2.5-Coder-Instruct."
            )
        turns = split_turns(prompt.messages)
        if turns.question is None:
            raise ChatTemplateError("A conversation needs a message of the user.")

        def n_tokens(messages: Messages) -> int:
            return len(self._render(messages, prompt)[0])

        kept = list(prompt.messages)
        tokens, opening = self._render(kept, prompt)
        if len(tokens) > budget:
            kept = turns.without(n_to_drop(turns, budget, size=self._size, n_tokens=n_tokens))
            tokens, opening = self._render(kept, prompt)
        if len(tokens) > budget:
            raise PromptTooLongError(
                f"The last message and what belongs to it have {len(tokens)} tokens, and there is "
                f"room for {max(budget, 0)}. Attach less, or give the model a larger n_ctx."
            )
        n_dropped = len(prompt.messages) - len(kept)
        is_in_words = bool(prompt.tools) and not self._habits.takes_tools
        return BuiltPrompt(
            tokens,
            above=tokens,
            opening=opening,
            grammar=generic_tools.call_grammar(prompt.tools) if is_in_words else None,
            n_dropped_messages=n_dropped,
        )

    def _render(self, messages: Messages, prompt: ChatPrompt) -> tuple[list[int], str]:
        """Tokens, and what of the answer the template itself began."""
        texts = HiddenTexts()
        try:
            rendered = self._written(messages, prompt, texts, self._habits)
        except TemplateRefusedError:
            texts = HiddenTexts()
            try:
                rendered = self._written(joined(messages), prompt, texts, self._habits)
            except TemplateRefusedError as error:
                raise self._broken(error) from error
        segments = list(texts.split(rendered))
        opening = _OPENING.search(segments[-1][0])
        return self._tokenized(segments, prompt.prefill), opening[1] if opening else ""

    def _size(self, message: ChatMessage) -> int:
        calls = "".join(f"{call.name}{call.arguments}" for call in message.tool_calls)
        return _TOKENS_AROUND + len(self._tokens(message.content)) + len(self._tokens(calls))

    def _written(
        self, messages: Messages, prompt: ChatPrompt, texts: HiddenTexts, habits: _Habits
    ) -> str:
        """What the template writes, with placeholders for the texts."""
        shown = texts.hide(messages)
        tools = prompt.tools
        if not habits.takes_tools:
            shown = generic_tools.in_words(shown, tools)
            tools = ()
        if not habits.takes_system:
            shown = _system_into_question(shown)
        return self._run(shown, tools, thinks=prompt.thinks)

    def _run(
        self,
        messages: Sequence[Mapping[str, object]],
        tools: tuple[Tool, ...] = (),
        *,
        thinks: bool | None = None,
    ) -> str:
        variables: dict[str, object] = {
            "messages": messages,
            "add_generation_prompt": True,
            "bos_token": self._vocabulary.beginning_text,
            "eos_token": self._vocabulary.end_text,
        }
        if tools:
            variables["tools"] = [generic_tools.as_json(tool) for tool in tools]
        if thinks is not None:
            variables["enable_thinking"] = thinks
        try:
            return self._template.render(variables)
        except TemplateRefusedError:
            raise
        except Exception as error:
            raise self._broken(error) from error

    @cached_property
    def _template(self) -> ChatTemplate:
        assert self._source is not None
        try:
            return ChatTemplate(self._source)
        except Exception as error:
            raise self._broken(error) from error

    @cached_property
    def _habits(self) -> _Habits:
        user = {"role": "user", "content": "Q"}
        answer = {"role": "assistant", "content": "A"}
        takes_system = True
        try:
            # Some leave the system's message out without a word.
            takes_system = "SYS" in self._run([{"role": "system", "content": "SYS"}, user])
        except TemplateRefusedError:
            takes_system = False
        texts = HiddenTexts()
        mark, question = texts.placeholder("A"), texts.placeholder("Q")
        try:
            written = self._run(
                [user, {**answer, "content": mark}, {**user, "content": question}],
            )
        except TemplateRefusedError as error:
            raise self._broken(error) from error
        if mark not in written or question not in written:
            raise ChatTemplateError(f"The chat template of {self._name} leaves messages out.")
        after = written.partition(mark)[2].partition(question)[0]
        takes_tools = "tools" in self._template.variables
        fixed = f"{self._source}{written}{'' if takes_tools else generic_tools.TAGS}"
        return _Habits(takes_system, takes_tools, after, fixed)

    def _broken(self, error: Exception) -> ChatTemplateError:
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        return ChatTemplateError(
            f"The chat template of {self._name} cannot be used: {reason[0][:200]!r}. "
            "Choose another model, or another file of this one."
        )

    def _tokenized(self, segments: Iterable[tuple[str, bool]], prefill: str) -> list[int]:
        ids: list[int] = []
        run: list[str] = []
        strips = False

        def end_run() -> None:
            text = "".join(run)
            for piece in self._plain_pieces(text.lstrip() if strips else text):
                ids.extend(self._tokens(piece))
            run.clear()

        for text, is_content in segments:
            for part in [text] if is_content else self._cut(text):
                if isinstance(part, str):
                    run.append(part)
                else:
                    end_run()
                    ids.append(part)
                    strips = part in self._stripping
        run.append(prefill)
        end_run()
        beginning = self._vocabulary.beginning_id
        return ids if beginning is None or ids[:1] == [beginning] else [beginning, *ids]

    def _cut(self, text: str) -> list[str | int]:
        """The template's own text as tokens that it spelt, and plain text."""
        cut = self._cuts.get(text)
        if cut is None:
            special = self._vocabulary.special
            names = [n for n in (*self._controls, *self._structural) if n in text]
            pattern = _any_of(names)
            parts = pattern.split(text) if pattern else [text]
            cut = [special[p].id if p in names else p for p in parts if p]
            if len(self._cuts) >= _MAX_CUTS:
                self._cuts.clear()
            self._cuts[text] = cut
        return cut

    def _plain_pieces(self, text: str) -> Iterator[str]:
        """`text`, cut where it spells a token that only the template may."""
        start = 0
        if self._structural_pattern is not None:
            for match in self._structural_pattern.finditer(text):
                yield text[start : match.start() + 1]
                start = match.start() + 1
        yield text[start:]

    @cached_property
    def _controls(self) -> list[str]:
        return [text for text, token in self._vocabulary.special.items() if token.is_control]

    @cached_property
    def _structural(self) -> list[str]:
        """Texts with a token of their own that the template writes."""
        fixed = self._habits.fixed_text
        return [
            text
            for text, token in self._vocabulary.special.items()
            if not token.is_control and len(text.strip()) >= _MIN_STRUCTURAL_CHARS and text in fixed
        ]

    @cached_property
    def _structural_pattern(self) -> re.Pattern[str] | None:
        return _any_of(self._structural)

    @cached_property
    def _stripping(self) -> frozenset[int]:
        return frozenset(t.id for t in self._vocabulary.special.values() if t.strips_after)


def _any_of(texts: Sequence[str]) -> re.Pattern[str] | None:
    """The longest first, as tokenizers do."""
    ordered = sorted(texts, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, ordered))})") if ordered else None


def _system_into_question(messages: list[dict[str, object]]) -> list[dict[str, object]]:
    """For templates without a system's role: its message before the first one of the user."""
    if not messages or messages[0]["role"] != ChatRole.SYSTEM:
        return messages
    head, *rest = messages
    at = next(i for i, message in enumerate(rest) if message["role"] == ChatRole.USER)
    content = f"{head['content']}\n\n{cast('str', rest[at]['content'])}"
    return [*rest[:at], {**rest[at], "content": content}, *rest[at + 1 :]]

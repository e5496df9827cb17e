"""The resolved configuration: frozen, total, checked. Made from any number of option layers."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, cast

import msgspec

from lsp.json_values import as_object
from lsp.option_types import OptionType, group_types
from lsp.options import AutoAlwaysNever, CustomAction

_MAX_VALUE_CHARS = 60
_MODEL_PATHS = {
    "model.path": "with `--model` or in the initialization options",
    "model.draftPath": "in the initialization options",
}
"""Options that name a file to load, and where they may name any."""


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    path: str | None = None
    draft_path: str | None = None
    context_size: int | None = None
    gpu_layers: int | None = None
    threads: int | None = None
    fallback_to_builtin: bool = True
    unload_after_minutes: int = 60
    """Longer than a meeting, shorter than a night. Loading again takes a moment, and what was
    evaluated of the open documents is lost, so it is not done lightly."""


class InlineCompletionSettings(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = True
    max_lines: int = 16
    max_tokens: int = 96
    min_confidence: float | None = None
    candidates: int = 3
    disabled_languages: tuple[str, ...] = ()
    multiline: AutoAlwaysNever = "auto"
    patience_ms: int = 400
    warm_up: bool = True

    def min_line_logprob(self, model_default: float) -> float:
        """The least probability of a line that is shown, as a natural logarithm, at most 0."""
        if self.min_confidence is None:
            return model_default
        return math.log(self.min_confidence) if self.min_confidence > 0 else -math.inf


class CompletionSettings(msgspec.Struct, frozen=True, kw_only=True):
    enabled: AutoAlwaysNever = "auto"


class ChatSettings(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = True
    max_tokens: int = 2048
    temperature: float = 0.2
    thinking: AutoAlwaysNever = "auto"
    max_steps: int = 30
    allowed_commands: tuple[str, ...] = ()
    keep_conversations: bool = True


class ActionSettings(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = True
    disabled: tuple[str, ...] = ()
    max_answer_tokens: int = 1024
    custom: tuple[CustomAction, ...] = ()


class LoggingSettings(msgspec.Struct, frozen=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A change makes a new object; running work keeps the one it began with."""

    model: ModelSettings = ModelSettings()
    inline_completion: InlineCompletionSettings = InlineCompletionSettings()
    completion: CompletionSettings = CompletionSettings()
    chat: ChatSettings = ChatSettings()
    actions: ActionSettings = ActionSettings()
    logging: LoggingSettings = LoggingSettings()


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of options, as the editor sent it."""

    content: object
    refused_folders: tuple[Path, ...] = ()
    """A model path inside one of these is refused: a folder someone opens must not choose it."""
    may_be_folders: bool = False
    """It may hold an opened folder's own settings, which may only take away."""


@dataclass(frozen=True, slots=True)
class Resolved:
    settings: Settings
    problems: tuple[str, ...]
    """One sentence for each key that is unknown or wrong; that key keeps its former value."""


def resolve(layers: Sequence[Layer]) -> Resolved:
    """Settings from the defaults and `layers`, a later one winning key by key."""
    groups: dict[str, msgspec.Struct] = {
        name: getattr(Settings(), name) for name in Settings.__struct_fields__
    }
    problems: list[str] = []
    for layer in layers:
        if layer.content is None:
            continue
        content = as_object(layer.content)
        if content is None:
            problems.append(f"The configuration is {_shown(layer.content)}, but must be an object.")
            continue
        for key, value in _nested(content).items():
            _apply_group(groups, key, value, layer, problems)
    settings = msgspec.structs.replace(Settings(), **groups)
    return Resolved(settings=settings, problems=tuple(dict.fromkeys(problems)))


def _apply_group(
    groups: dict[str, msgspec.Struct], key: str, value: object, layer: Layer, problems: list[str]
) -> None:
    types = group_types()
    if key not in types:
        problems.append(_unknown(key, list(types), [f"{g}.{k}" for g in types for k in types[g]]))
        return
    if value is None:
        return
    if not isinstance(value, Mapping):
        problems.append(f"`{key}` is {_shown(value)}, but must be an object.")
        return
    changes: dict[str, object] = {}
    for leaf_key, leaf in cast("Mapping[str, object]", value).items():
        leaf_type = types[key].get(leaf_key)
        full_key = f"{key}.{leaf_key}"
        if leaf_type is None:
            problems.append(_unknown(full_key, [f"{key}.{k}" for k in types[key]], []))
        elif leaf is not None:
            problem = _check(full_key, leaf_type, leaf, layer)
            if problem is None:
                changes[leaf_type.name] = leaf_type.convert(leaf)
            else:
                problems.append(problem)
    name = types[key].group_name
    if layer.may_be_folders and "allowed_commands" in changes:
        changes["allowed_commands"] = _known_commands(
            changes["allowed_commands"], groups[name], problems
        )
    if layer.may_be_folders and "custom" in changes:
        changes["custom"] = _known_actions(changes["custom"], groups[name], problems)
    groups[name] = msgspec.structs.replace(groups[name], **changes)


def _check(key: str, leaf_type: OptionType, value: object, layer: Layer) -> str | None:
    """What is wrong with `value`, or None."""
    try:
        leaf_type.convert(value)
    except msgspec.ValidationError:
        return f"`{key}` is {_shown(value)}, but must be {leaf_type.expected}."
    if key in _MODEL_PATHS:
        return _check_model_path(key, str(value), layer.refused_folders)
    return None


def _known_commands(named: object, former: msgspec.Struct, problems: list[str]) -> tuple[str, ...]:
    """A folder may take commands away. It must not add any: they are programs to run."""
    assert isinstance(former, ChatSettings)
    commands = cast("tuple[str, ...]", named)
    new = [command for command in commands if command not in former.allowed_commands]
    if new:
        problems.append(
            f"`chat.allowedCommands` has {_shown(new[0])}, which the initialization options have "
            "not. A folder must not add commands: name it there."
        )
    return tuple(command for command in commands if command in former.allowed_commands)


def _known_actions(
    named: object, former: msgspec.Struct, problems: list[str]
) -> tuple[CustomAction, ...]:
    """A folder may take actions away. It must not add any: they are instructions to a model."""
    assert isinstance(former, ActionSettings)
    actions = cast("tuple[CustomAction, ...]", named)
    new = [action.title for action in actions if action not in former.custom]
    if new:
        problems.append(
            f"`actions.custom` has {_shown(new[0])}, which the initialization options have not. "
            "A folder must not add actions: name it there."
        )
    return tuple(action for action in actions if action in former.custom)


def _check_model_path(key: str, value: str, refused_folders: tuple[Path, ...]) -> str | None:
    try:
        path = Path(value).expanduser()
    except RuntimeError:  # `~name` of a user that does not exist
        path = Path(value)
    if not path.is_absolute() or "\0" in value:
        return f"`{key}` is {_shown(value)}, but must be an absolute path or begin with `~`."
    if not refused_folders:
        return None
    if value.startswith(("\\\\", "//")):
        return f"`{key}` is {_shown(value)}, but must not be on a network share."
    # Symbolic links are followed: one inside a folder may lead out, and the other way round.
    real = os.path.realpath(path)
    if any(
        Path(candidate).is_relative_to(folder)
        for folder in refused_folders
        for candidate in (real, path)
    ):
        return (
            f"`{key}` is {_shown(value)}, which lies in an open folder. A folder must not "
            f"choose the model: name it {_MODEL_PATHS[key]}."
        )
    return None


def _nested(content: Mapping[str, object]) -> dict[str, object]:
    """Spell out dotted keys: `{"model.path": p}` means `{"model": {"path": p}}`."""
    nested: dict[str, object] = {}
    for key, value in content.items():
        group, dot, leaf = key.partition(".")
        addition = {leaf: value} if dot else value
        present = nested.get(group)
        if isinstance(present, Mapping) and isinstance(addition, Mapping):
            nested[group] = {
                **cast("Mapping[str, object]", present),
                **cast("Mapping[str, object]", addition),
            }
        else:
            nested[group] = addition
    return nested


def _unknown(key: str, candidates: list[str], more: list[str]) -> str:
    # The right name in the wrong group is a frequent slip.
    leaf = key.rpartition(".")[2]
    close = [candidate for candidate in more if candidate.rpartition(".")[2] == leaf][:1]
    close = close or get_close_matches(key, [*candidates, *more], n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    return f"`{_shown(key)[1:-1]}` is not a setting of Sotto.{hint}"


def _shown(value: object) -> str:
    """The value as JSON, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    # Line separators that JSON leaves alone would still break the message's lines.
    text = " ".join(text.splitlines())
    return text if len(text) <= _MAX_VALUE_CHARS else text[: _MAX_VALUE_CHARS - 1] + "…"

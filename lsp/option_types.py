"""The options' types, read off their Structs: for checking values, and for the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast, get_args, get_origin

import msgspec
from msgspec import inspect

from lsp.options import Options


@dataclass(frozen=True, slots=True)
class OptionType:
    """One option: its names, its type and what may be said about it."""

    name: str
    """In Python."""
    key: str
    """On the wire."""
    type: Any
    expected: str
    """The values it takes, in words that follow "must be"."""
    description: str

    def convert(self, value: object) -> object:
        """The value as a setting holds it. Raises msgspec.ValidationError."""
        converted: object = msgspec.convert(value, self.type)
        return tuple(cast("list[object]", converted)) if isinstance(converted, list) else converted


class GroupType(Mapping[str, OptionType]):
    """A group's options by their keys."""

    def __init__(self, *, group_name: str, doc: str, options: list[OptionType]) -> None:
        self.group_name = group_name
        self.doc = doc
        self._options = {option.key: option for option in options}

    def __getitem__(self, key: str) -> OptionType:
        return self._options[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)


@lru_cache(maxsize=1)
def group_types() -> dict[str, GroupType]:
    """All options, by group key and option key, in the order they are declared."""
    groups: dict[str, GroupType] = {}
    for field in msgspec.structs.fields(Options):
        group = _without_none(inspect.type_info(field.type))
        assert isinstance(group, inspect.StructType)
        groups[field.encode_name] = GroupType(
            group_name=field.name,
            doc=(group.cls.__doc__ or "").strip(),
            options=[_option_type(option) for option in msgspec.structs.fields(group.cls)],
        )
    return groups


def _option_type(field: msgspec.structs.FieldInfo) -> OptionType:
    info = _without_none(inspect.type_info(field.type))
    description = ""
    if isinstance(info, inspect.Metadata):
        schema = cast("dict[str, object]", info.extra_json_schema or {})  # pyright: ignore[reportUnknownMemberType] - a bare dict
        description = str(schema.get("description", ""))
        info = info.type
    return OptionType(
        name=field.name,
        key=field.encode_name,
        type=field.type,
        expected=_expected(info, field.type),
        description=description,
    )


def _without_none(info: inspect.Type) -> inspect.Type:
    if isinstance(info, inspect.UnionType):
        (info,) = (member for member in info.types if not isinstance(member, inspect.NoneType))
    return info


def _expected(info: inspect.Type, annotation: Any) -> str:
    match info:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"a whole number from {info.ge} to {info.le}"
        case inspect.FloatType():
            return f"a number from {info.ge} to {info.le}"
        case inspect.LiteralType():
            # As declared: msgspec sorts them.
            names = [f'"{value}"' for value in _literals(annotation)]
            return f"{', '.join(names[:-1])} or {names[-1]}"
        case inspect.ListType(item_type=inspect.StructType(cls=kind)):
            keys = [f"`{field.encode_name}`" for field in msgspec.structs.fields(kind)]
            return f"a list of objects with {', '.join(keys[:-1])} and {keys[-1]}"
        case inspect.ListType():
            return "a list of strings"
        case inspect.StrType():
            return "a string that is not empty"
        case _:
            raise TypeError(f"no words for {info}")


def _literals(annotation: Any) -> tuple[str, ...]:
    """The values of the `Literal` inside an annotation."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    for inner in get_args(annotation):
        values = _literals(inner)
        if values:
            return values
    return ()

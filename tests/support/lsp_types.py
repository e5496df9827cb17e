"""Is a JSON value what the protocol's meta-model says? By lsprotocol's types, made from it.

lsprotocol's own converter is made to be lenient: it ignores unknown keys, makes a number of "1" and
fills in what is absent. Here nothing is forgiven; what is found is named by its path. Held against
the meta-model itself (3.18.0, 1091 properties) what is required and what may be null is the same in
all that a server sends, but for signature help.
"""

from __future__ import annotations

import re
import types as python_types
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, cast, get_args, get_origin

import attrs
from lsprotocol import types


def faults_of(value: object, kind: Any, at: str = "") -> list[str]:
    """What is wrong with `value` as a `kind`; empty if nothing. `at` is its path.

    Raises TypeError for a kind of type that lsprotocol has not had so far.
    """
    if kind is Any or kind is object:
        return []
    if kind is types.LSPObject:
        return [] if isinstance(value, dict) else [f"{at}: no object"]
    origin = get_origin(kind)
    if origin in (Union, python_types.UnionType):
        return _union_faults(value, get_args(kind), at)
    if origin is Literal:
        return [] if value in get_args(kind) else [f"{at}: none of {get_args(kind)}"]
    if origin is tuple:
        return _tuple_faults(value, get_args(kind), at)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_faults(value, get_args(kind)[1], at)
    if origin is not None and issubclass(origin, Sequence):
        return _sequence_faults(value, get_args(kind)[0], at)
    if kind is type(None):
        return [] if value is None else [f"{at}: not null"]
    if kind in (bool, str):
        return [] if isinstance(value, kind) else [f"{at}: no {kind.__name__}"]
    if kind is int:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return [] if is_whole else [f"{at}: no whole number"]
    if kind is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return [] if is_number else [f"{at}: no number"]
    if isinstance(kind, type) and issubclass(kind, Enum):
        is_member = any(value == m.value and type(value) is type(m.value) for m in kind)
        return [] if is_member else [f"{at}: no {kind.__name__}"]
    if not attrs.has(cast("type[Any]", kind)):
        raise TypeError(f"{at}: a kind of type that is not known here: {kind!r}")
    return _object_faults(value, cast("type[Any]", kind), at)


def _union_faults(value: object, kinds: tuple[Any, ...], at: str) -> list[str]:
    """Those of the alternative that is right furthest inside."""
    found = [faults_of(value, kind, at) for kind in kinds]
    return [] if [] in found else max(found, key=_depth)


def _depth(faults: list[str]) -> int:
    paths = [fault.partition(": ")[0] for fault in faults]
    return max(path.count(".") + path.count("[") for path in paths)


def _tuple_faults(value: object, kinds: tuple[Any, ...], at: str) -> list[str]:
    if not isinstance(value, list) or len(cast("list[object]", value)) != len(kinds):
        return [f"{at}: no array of {len(kinds)}"]
    pairs = zip(cast("list[object]", value), kinds, strict=True)
    return [
        fault
        for i, (item, kind) in enumerate(pairs)
        for fault in faults_of(item, kind, f"{at}[{i}]")
    ]


def _mapping_faults(value: object, kind: Any, at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at}: no object"]
    items = cast("dict[str, object]", value).items()
    return [fault for key, item in items for fault in faults_of(item, kind, f"{at}[{key!r}]")]


def _sequence_faults(value: object, kind: Any, at: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{at}: no array"]
    items = enumerate(cast("list[object]", value))
    return [fault for i, item in items for fault in faults_of(item, kind, f"{at}[{i}]")]


def _object_faults(value: object, kind: type[Any], at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at}: no {kind.__name__}"]
    members = cast("dict[str, object]", value)
    fields = _fields(kind)
    faults = [f"{at}.{key}: {kind.__name__} has no such key" for key in members.keys() - fields]
    for key, field in fields.items():
        if key in members:
            faults += _member_faults(members[key], kind, field, f"{at}.{key}")
        elif field.default is attrs.NOTHING or types.is_special_property(kind, field.name):
            faults.append(f"{at}.{key}: absent from a {kind.__name__}")
    if kind is types.Range and not faults:
        start, end = (
            (p["line"], p["character"]) for p in cast("Any", (value["start"], value["end"]))
        )
        faults += [f"{at}: ends before it begins"] if end < start else []
    return faults


def _member_faults(
    value: object, kind: type[Any], field: attrs.Attribute[Any], at: str
) -> list[str]:
    # None stands for "absent" in Python; on the wire it is allowed only where the protocol says so.
    may_be_null = types.is_special_property(kind, field.name) or field.type == types.LSPAny
    if value is None and field.default is None and not may_be_null:
        return [f"{at}: null"]
    faults = faults_of(value, field.type, at)
    if faults or field.validator is None:
        return faults
    try:
        field.validator(None, field, value)  # ranges of numbers and fixed texts
    except (TypeError, ValueError) as error:
        return [f"{at}: {error.args[0]}"]
    return []


@cache
def _fields(kind: type[Any]) -> dict[str, attrs.Attribute[Any]]:
    """By the name on the wire."""
    attrs.resolve_types(kind)
    return {_on_wire(field.name): field for field in attrs.fields(kind)}


def _on_wire(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name.rstrip("_"))

"""The documents that describe the server say what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from lsp import configuration_docs, protocol, routes
from lsp.chat import protocol as chat_protocol
from lsp.context.gates import GateReason
from lsp.option_types import group_types
from lsp.records import RequestRecord
from lsp.settings import Settings
from lsp.trimming.reading import TrimReason

PROTOCOL = (Path(__file__).resolve().parents[3] / "docs" / "protocol.md").read_text("utf-8")


def fields_of(heading: str) -> list[str]:
    """The names in the first column of the first table under a heading of docs/protocol.md."""
    section = PROTOCOL.partition(f"\n## `{heading}`\n")[2].partition("\n## ")[0]
    table = section.partition("|---|")[2].partition("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_configuration_page_is_current() -> None:
    assert configuration_docs.PAGE.read_text("utf-8") == configuration_docs.page()
    assert configuration_docs.SCHEMA.read_text("utf-8") == configuration_docs.schema()


def test_every_option_has_a_setting_and_a_description() -> None:
    for group in group_types().values():
        settings = getattr(Settings(), group.group_name)
        assert [option.name for option in group.values()] == list(settings.__struct_fields__)
        assert group.doc
        assert all(option.description for option in group.values())


def test_the_schema_accepts_the_defaults() -> None:
    schema = json.loads(configuration_docs.schema())
    assert set(schema["$defs"]["Options"]["properties"]) == set(group_types())


@pytest.mark.parametrize(
    ("heading", "struct"),
    [
        (protocol.STATUS, protocol.Status),
        (protocol.RECENT_REQUESTS, RequestRecord),
        (protocol.DOCUMENT_INFO, protocol.DocumentInfo),
        (protocol.PROPOSE_EDITS, chat_protocol.ProposedEdit),
        (protocol.CONVERSATIONS, chat_protocol.ConversationInfo),
        (protocol.CONVERSATION, chat_protocol.KeptTurn),
    ],
)
def test_protocol_page_lists_the_fields(heading: str, struct: type[msgspec.Struct]) -> None:
    assert fields_of(heading) == [field.encode_name for field in msgspec.structs.fields(struct)]


def test_protocol_page_names_all_our_methods() -> None:
    methods = [*routes.OUR_REQUESTS, *routes.OUR_NOTIFICATIONS]
    assert sorted(re.findall(r"^## `(sotto/\w+)`$", PROTOCOL, re.MULTILINE)) == sorted(methods)


def test_protocol_page_names_the_model_fields() -> None:
    for name in protocol.StatusModel.__struct_fields__:
        assert f"`{name}`" in PROTOCOL


def test_protocol_page_names_all_of_a_chat() -> None:
    section = PROTOCOL.partition("\n## `sotto/chat`\n")[2].partition("\n## ")[0]
    structs = (
        chat_protocol.ChatParams, chat_protocol.ChatAnswer, chat_protocol.ChatUsage,
        chat_protocol.Step, chat_protocol.Attachment, chat_protocol.Message,
        chat_protocol.StepBegun, chat_protocol.StepEnded, chat_protocol.ContextAttached,
    )  # fmt: skip
    for struct in structs:
        for field in msgspec.structs.fields(struct):
            assert re.search(rf"`{field.encode_name}`|\"{field.encode_name}\"", section), field
    for event in get_args(chat_protocol.Event):
        assert f"| `{event.__struct_config__.tag}` |" in section


def test_protocol_page_names_every_reason() -> None:
    for reason in [*GateReason, *TrimReason]:
        assert f"`{reason}`" in PROTOCOL

"""A language server with one finding: the word `widht`, wherever it stands.

A file of its own: an editor starts it by its path. `python FILE` serves on stdio.
"""

from __future__ import annotations

from lsprotocol import types
from pygls.lsp.server import LanguageServer

WRONG = "widht"
MESSAGE = f'"{WRONG}" is not defined'


def findings(text: str) -> list[types.Diagnostic]:
    return [
        types.Diagnostic(
            range=types.Range(
                types.Position(number, line.index(WRONG)),
                types.Position(number, line.index(WRONG) + len(WRONG)),
            ),
            message=MESSAGE,
            severity=types.DiagnosticSeverity.Error,
            source="speller",
        )
        for number, line in enumerate(text.splitlines())
        if WRONG in line
    ]


def make() -> LanguageServer:
    server = LanguageServer("speller", "1")

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(document.uri, findings(document.text))
        )

    return server


if __name__ == "__main__":
    make().start_io()

"""The command `sotto`. Nothing heavy is imported before a subcommand is chosen."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lsp import terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 failed, 2 wrong arguments."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return 2
    terminal.show_any_text()
    try:
        return options.run(options)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        # What has a better explanation was given one; this is a closed or full stdout, or a
        # working folder that is gone.
        terminal.write_error(f"{error.strerror or error}.")
        return 1


def sotto_version() -> str:
    try:
        return version("sotto")
    except PackageNotFoundError:
        return "unknown"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sotto",
        description="An offline pair programmer: a local code model inside a language server.",
        epilog="Nothing leaves this machine. Editors start `sotto serve`; try `sotto doctor`.",
    )
    parser.add_argument("--version", action="version", version=f"sotto {sotto_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    serve = commands.add_parser(
        "serve",
        help="run the language server over stdio (editors do this)",
        description="Run the language server over stdin and stdout.",
    )
    add_model_argument(serve)
    serve.add_argument(
        "--stdio",
        action="store_true",
        help="accepted for editors that pass it; stdio is the only way",
    )
    serve.add_argument(
        "--log-level",
        choices=["debug", "info", "warning", "error"],
        default=None,
        help="default: info",
    )
    serve.add_argument(
        "--log-file", type=Path, metavar="FILE", help="log to FILE instead of stderr"
    )
    serve.add_argument("--log-json", action="store_true", help="one JSON object a line")
    serve.set_defaults(run=run_serve)

    complete = commands.add_parser(
        "complete",
        help="print what would be suggested at a place in a file",
        description="Print the suggestion at FILE:LINE:COL, as an editor would be given it.",
        epilog="LINE and COL count from 1; COL counts characters, and without it the line's end is "
        "meant. Exit status: 0 with a suggestion or an empty answer, 1 on an error.",
    )
    complete.add_argument("place", metavar="FILE:LINE[:COL]")
    complete.add_argument(
        "--json", action="store_true", help="the suggestion and its record as one JSON object"
    )
    complete.add_argument(
        "--invoked",
        action="store_true",
        help="as when the user asks by a key: several candidates, no confidence gate",
    )
    add_model_argument(complete)
    complete.set_defaults(run=run_complete)

    chat = commands.add_parser(
        "chat",
        help="talk with a chat model in the terminal",
        description="Talk with a model, or ask one QUESTION. What comes through a pipe goes with "
        "it: git diff | sotto chat --model M.gguf /commit",
        epilog="The built-in model only completes code; --model names one that can talk.",
    )
    chat.add_argument("question", nargs="*", metavar="QUESTION")
    add_model_argument(chat)
    chat.add_argument(
        "--folder", type=folder, default=".", help="the project; default: this folder"
    )
    chat.add_argument(
        "--tools", action="store_true", help="let the model look around in the project"
    )
    chat.add_argument(
        "--allow-command",
        action="append",
        default=[],
        metavar="COMMAND",
        help="a command the model may run once you agree, such as 'make test'",
    )
    chat.add_argument("--no-history", action="store_true", help="keep nothing of this")
    chat.set_defaults(run=run_chat)

    pipe = commands.add_parser(
        "pipe",
        help="rewrite the text that comes through a pipe, as an editor's shell command",
        description="Rewrite stdin by INSTRUCTION and print it; in Helix, :pipe sotto pipe "
        "--model M.gguf 'use pathlib'. What cannot be done leaves the text as it is, with status "
        "1.",
        epilog="A model is loaded for this one answer. The built-in one cannot follow "
        "instructions; --model names one that can.",
    )
    pipe.add_argument("instruction", nargs="+", metavar="INSTRUCTION")
    pipe.add_argument("--file", default="", help="where the text is from; tells its language")
    pipe.add_argument("--language", default="", help="such as python; default: by the file's name")
    add_model_argument(pipe)
    pipe.set_defaults(run=run_pipe)

    doctor = commands.add_parser(
        "doctor",
        help="say what this machine has, which model would be used, and what does not work",
        description="Check every part and say how to mend what does not work. "
        "Exit status 1 if something does not.",
    )
    doctor.add_argument("--json", action="store_true", help="the report as one JSON object")
    add_model_argument(doctor)
    doctor.set_defaults(run=run_doctor)

    bench = commands.add_parser(
        "bench",
        help="try a model of yours on the cases that come with the source",
        description="In a clone of Sotto: ask a model for the edits of the cases that its code "
        "actions are tested with, and count what is applied, refused and as expected.",
    )
    bench.add_argument("what", choices=["actions"])
    bench.add_argument("--only", default="", metavar="ID", help="cases of one action alone")
    bench.add_argument("--show", action="store_true", help="print what becomes of each case")
    add_model_argument(bench)
    bench.set_defaults(run=run_bench)
    return parser


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=model_file,
        metavar="PATH.gguf",
        help="a model file; default: the built-in model",
    )


def model_file(argument: str) -> Path:
    """The absolute path a `--model` argument means; whether it is a model is found out later."""
    if not argument:
        raise argparse.ArgumentTypeError("the path is empty")
    try:
        return Path(argument).expanduser().absolute()
    except (OSError, RuntimeError) as error:
        raise argparse.ArgumentTypeError(f"{argument!r} leads nowhere: {error}") from None


def folder(argument: str) -> Path:
    """The resolved path of a folder that is there."""
    try:
        path = Path(argument).expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise argparse.ArgumentTypeError(f"{argument!r} leads nowhere: {error}") from None
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{argument!r} is no folder")
    return path


def run_serve(options: argparse.Namespace) -> int:
    from lsp import stdio  # first: it takes fd 1 before anything else can write to it

    if sys.stdin is not None and sys.stdin.isatty():
        terminal.write_note(
            "This is a language server: editors start it and speak with it over stdin. "
            "Try `sotto doctor`; Ctrl-C ends this."
        )
    try:
        channel = stdio.take_stdout()
    except OSError:
        terminal.write_error("`serve` speaks over stdin and stdout, and one of them is closed.")
        return 1
    from lsp.server import serve

    return serve(
        channel,
        model_path=options.model,
        log_level=options.log_level,
        log_file=options.log_file,
        log_json=options.log_json,
    )


def run_complete(options: argparse.Namespace) -> int:
    from lsp.complete import complete

    silence_logs()
    return complete(
        options.place, as_json=options.json, invoked=options.invoked, model_path=options.model
    )


def run_chat(options: argparse.Namespace) -> int:
    from lsp.chat.console import chat
    from lsp.chat.talk import ConsoleOptions

    silence_logs()
    return chat(
        ConsoleOptions(
            model_path=options.model,
            folder=options.folder,
            question=" ".join(options.question),
            use_tools=options.tools or bool(options.allow_command),
            allowed_commands=tuple(options.allow_command),
            keep=not options.no_history,
        )
    )


def run_pipe(options: argparse.Namespace) -> int:
    from lsp.pipe import PipeOptions, pipe

    silence_logs()
    return pipe(
        PipeOptions(
            instruction=" ".join(options.instruction),
            file=options.file,
            language=options.language,
            model_path=options.model,
        )
    )


def run_bench(options: argparse.Namespace) -> int:
    from lsp.bench_command import bench

    arguments = [f"--only={options.only}"] if options.only else []
    if options.model is not None:
        arguments.append(f"--model={options.model}")
    return bench(options.what, [*arguments, *(["--show"] if options.show else [])])


def run_doctor(options: argparse.Namespace) -> int:
    from lsp.doctor import doctor

    silence_logs()
    return doctor(as_json=options.json, model_path=options.model)


def silence_logs() -> None:
    """What these commands have to say they print; a warning in between would say it twice."""
    logging.getLogger().addHandler(logging.NullHandler())

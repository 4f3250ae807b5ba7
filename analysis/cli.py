"""The command line: every page's work without a browser, over the same store.

The composition root below the pages: the one file of analysis/ that knows cache/. It hands the product to the commands
of analysis/command_line/ and turns errors into exits. `--json` prints one object on standard output; progress and
warnings go to standard error. Exit 0 done, 2 refused or bad input, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from analysis.command_line import dashboard, knowledge, plans, questions, report, terminal, tokens, training, weights
from analysis.command_line.product import Product
from analysis.errors import Cancelled, PalimpsestError
from analysis.language.load import let_waiting_threads_sleep

if TYPE_CHECKING:
    from cache.work import Asking, Comparison, Training, Workspace

INTERRUPTED = 130
COMMANDS: tuple[Callable[..., None], ...] = (  # as --help lists them
    weights.check,
    weights.profile,
    weights.restore,
    knowledge.evaluate,
    knowledge.sweep,
    tokens.divergence,
    knowledge.mastery,
    training.sft,
    dashboard.demo,
    report.report,
    dashboard.serve,
    plans.experiments,
)
QUESTIONS: tuple[Callable[..., None], ...] = (questions.gradients, questions.skill, questions.planted, questions.task)


def _commands() -> typer.Typer:
    root = typer.Typer(
        name="palimpsest",
        help="See what fine-tuning wrote over in a language model, and scrape it back.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    question = typer.Typer(help="The questions the paper leaves open.", no_args_is_help=True)
    for command in COMMANDS:
        root.command()(command)
    for command in QUESTIONS:
        question.command()(command)
    root.add_typer(question, name="question")
    return root


app = _commands()


def main() -> None:
    """The console script: errors of ours become exit 2 (with an object under --json), an interrupt 130."""
    as_json = "--json" in sys.argv
    let_waiting_threads_sleep()
    try:
        status = app(standalone_mode=False, obj=_product())
    except (KeyboardInterrupt, typer.Abort, Cancelled):
        status = INTERRUPTED
    except typer.TyperException as error:
        _refuse(PalimpsestError(_usage_words(error), code="usage"), as_json)
    except PalimpsestError as error:
        _refuse(error, as_json)
    if status == INTERRUPTED:
        terminal.say("Interrupted; what was finished is stored.")
    sys.exit(status or 0)


def _usage_words(error: Exception) -> str:
    describe = getattr(error, "format_message", None)
    return str(describe() if describe else error)


def _refuse(error: PalimpsestError, as_json: bool) -> NoReturn:
    if as_json:
        terminal.show({"error": {"code": error.code, "message": error.message, "items": list(error.items)}})
    else:
        terminal.say(f"palimpsest: {error}")
    sys.exit(2)


# --- the product, as the commands are handed it; cache loads when one of them wants it ---------------------------


def _product() -> Product:
    return Product(workspace=_workspace, comparison=_comparison, asking=_asking, training=_training)


@cache
def _workspace() -> Workspace:
    from cache.work import Workspace

    return Workspace()


def _comparison(base: str, tuned: str) -> Comparison:
    from cache.work import Comparison

    return Comparison(base, tuned)


def _asking(questions: str, **how: Any) -> Asking:
    from cache.work import Asking

    return Asking(questions, **how)


def _training(**settings: Any) -> Training:
    from cache.work import Training

    return Training(**settings)


if __name__ == "__main__":
    main()

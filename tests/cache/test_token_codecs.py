"""A divergence report comes out of the store as it went in: whatever was asked for, infinities and missing numbers."""

import math
from dataclasses import replace

from analysis.records import Alternative, DivergenceReport, PromptDivergence, TokenDivergence
from cache.token_codecs import divergence_from_stored, divergence_to_stored


def token(at: int, text: str, **others: object) -> TokenDivergence:
    values = {"kl_full_nats": None, "kl_top_nats": None} | others
    return TokenDivergence(text=text, id=100 + sum(map(ord, text)), position=at, special=at == 0, **values)  # type: ignore[arg-type]


def report(*prompts: PromptDivergence) -> DivergenceReport:
    return DivergenceReport(
        prompts, 10, "tuned-base", 0.25, None, 3, 1, 0.5, mean_js_nats=0.1, rows_left_out={"base": 0, "tuned": 2}
    )


def again(one: DivergenceReport) -> DivergenceReport:
    return divergence_from_stored(divergence_to_stored(one))


def test_every_field_survives_with_every_digit() -> None:
    base, tuned = (
        (Alternative(7, " yes", 0.1 + 0.2, 1 / 3, 4), Alternative(8, "no<0xF0>", 0.2)),
        (Alternative(9, "é", 1.0),),
    )
    full = token(
        1,
        "Ann",
        kl_full_nats=math.inf,
        kl_top_nats=1e-300,
        kl_reverse_nats=0.0,
        js_nats=math.log(2),
        base_logprob_nats=-1 / 3,
        tuned_logprob_nats=-1e4,
        base_entropy_nats=0.1,
        tuned_entropy_nats=2.0,
        base_rank=1,
        tuned_rank=128_256,
        base_top=base,
        tuned_top=tuned,
        part="answer",
        template=True,
    )
    given = report(PromptDivergence("a", (token(0, "<s>"), full)), PromptDivergence("b", (token(0, ""),)))
    assert again(given) == given


def test_what_was_not_asked_for_stays_missing() -> None:
    few = token(1, "x", kl_full_nats=0.5, kl_top_nats=0.25, base_logprob_nats=-1.0, tuned_logprob_nats=-2.0)
    given = report(PromptDivergence("a", (token(0, "<s>"), few)))
    assert again(given) == given
    assert again(replace(given, prompts=())) == replace(given, prompts=())

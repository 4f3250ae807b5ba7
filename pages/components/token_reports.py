"""The comparison the Tokens page looks at: which states, and its report from memory, from the store or by a job."""

from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

from analysis.figures import stops
from analysis.figures.token_columns import TokenColumns
from analysis.figures.token_measures import Measure
from analysis.records import RestoreSpec, Text
from cache.keys import digest
from cache.making import About
from cache.memo import workspace
from cache.work import Comparison, State
from pages.components import address, selection, token_sources
from pages.components.token_work import awaited

TUNED = "tuned ‖ base"
TUNED_STATE = "tuned"  # in the address; a restored state is its stop as addresses write it
AGAINST = {"base": "restored ‖ base", "tuned": "restored ‖ tuned"}


@dataclass(frozen=True)
class Compared:
    """The report looked at as columns, and the other comparisons of the same texts by their names ('KL(a ‖ b)')."""

    columns: TokenColumns
    about: About
    beside: dict[str, TokenColumns] = field(default_factory=dict)

    def measured(self, measure: Measure, **further: Any) -> About:
        """What a pin of this measure hangs on; `further` is what else the view has chosen."""
        return replace(self.about, further={"measure": measure, **further})


class _NotYetError(Exception):
    """Nothing is stored; never leaves this module. An exception, because a memo keeps every answer but these."""


def chosen_state(pair: Comparison) -> State:
    """Which state is compared: tuned, or a stop of the slider; in the address too."""
    address.hold(address.Field("token_state", _state_text, TUNED_STATE))
    asking, current = selection.asking(), selection.restored_spec()
    known = [stop.spec for stop in workspace().known_stops(pair, asking)] if asking else []
    specs = [*([current] if current else []), *known]
    options = dict.fromkeys([TUNED_STATE, *map(address.spec_text, specs), st.session_state["token_state"]])
    name = st.selectbox(
        ":orange[●] tuned or :green[●] restored",
        list(options),
        format_func=_state_name,
        key="token_state",
        persist_state="session",
        help="Restored states are the stops of the slider on Restore; each is shown against the base, against tuned, "
        "and beside tuned against the base.",
    )
    return address.spec_of(name or "") or "tuned"


def _state_text(text: str) -> str | None:
    """A state as the address names it, written the one way; None where it names none."""
    spec = address.spec_of(text)
    return TUNED_STATE if text == TUNED_STATE else address.spec_text(spec) if spec else None


def _state_name(text: str) -> str:
    spec = address.spec_of(text)
    return f"restored, {stops.spec_words(spec)}" if spec else text


def chosen_states(pair: Comparison, *, sides: bool = True) -> tuple[State, str]:
    """The state looked at and what it is compared with: the base, or (where `sides`) tuned for a restored one."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        with st.container(width=360):
            state = chosen_state(pair)
        if not (sides and isinstance(state, RestoreSpec)):
            return state, "base"
        address.hold(address.one_of("token_against", AGAINST, "base"))
        options = {"label": "against", "options": list(AGAINST), "format_func": _side_name}
        side = st.segmented_control(**options, required=True, key="token_against", persist_state="session")
        return state, side or "base"


def _side_name(side: str) -> str:
    return {"base": ":blue[●] base", "tuned": ":orange[●] tuned"}[side]


def compared(pair: Comparison, texts: tuple[Text, ...], state: State, side: str) -> Compared | None:
    """The comparison, else None while (or after) a job makes it; a failed or cancelled try is repeated on request."""
    name = digest([str(workspace().home), workspace().times_freed, _weights(pair), texts, state])
    try:
        found = _remembered(name, pair, texts, state)
    except _NotYetError:
        title = f"Compare {len(texts):,} texts token by token"
        if isinstance(state, RestoreSpec):
            awaited("tokens", name, title, "three_states", pair, texts, state)
        else:
            awaited("tokens", name, title, "divergence", pair, texts, state=state)
        return None
    main = found.get(AGAINST[side] if isinstance(state, RestoreSpec) else TUNED) or next(iter(found.values()))
    beside = {f"KL({key})": columns for key, columns in found.items()} if len(found) > 1 else {}
    return Compared(main, token_sources.about(texts, state, side), beside)


def _weights(pair: Comparison) -> list[str]:
    profile = workspace().known_profile(pair)
    return [profile.base_id, profile.tuned_id] if profile else []


@st.cache_resource(max_entries=6, show_spinner="Reading the comparison …")
def _remembered(name: str, _pair: Comparison, _texts: tuple[Text, ...], _state: State) -> dict[str, TokenColumns]:
    """Every comparison of these texts by its name; decoded once for every `name`, which tells all it depends on."""
    del name
    if isinstance(_state, RestoreSpec):
        three = workspace().known_three_states(_pair, _texts, _state)
        if three is None:
            raise _NotYetError
        reports = {
            AGAINST["base"]: three.restored_base,
            AGAINST["tuned"]: three.restored_tuned,
            TUNED: three.tuned_base,
        }
        return {key: TokenColumns.of(report) for key, report in reports.items()}
    report = workspace().known_divergence(_pair, _texts, state=_state)
    if report is None:
        raise _NotYetError
    return {TUNED: TokenColumns.of(report)}

"""Keys: everything that changes an answer changes the key; nothing else does."""

from hypothesis import given
from hypothesis import strategies as st

from analysis.records import RestoreSpec
from cache.keys import digest, key_digest, make_key

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(plain)
def test_a_value_survives_json_without_changing_its_digest(value: object) -> None:
    import msgspec

    assert digest(msgspec.json.decode(msgspec.json.encode(value))) == digest(value)


@given(st.dictionaries(st.text(), plain, min_size=2, max_size=5))
def test_the_order_of_parts_does_not_matter(parts: dict[str, object]) -> None:
    assert digest(parts) == digest(dict(reversed(parts.items())))


def test_every_field_of_a_spec_changes_its_digest() -> None:
    plain_spec = RestoreSpec(20)
    changed = [
        RestoreSpec(20.5),
        RestoreSpec(20, strategy="random"),
        RestoreSpec(20, region="all"),
        RestoreSpec(20, scope="tensor"),
        RestoreSpec(20, layers=(0,)),
        RestoreSpec(20, arithmetic="paper"),
        RestoreSpec(20, seed=1),
    ]
    assert len({digest(spec) for spec in [plain_spec, *changed]}) == len(changed) + 1


def test_a_key_known_today_stays_what_it_is() -> None:
    # A golden value: a change here orphans every stored result, so it must be meant.
    assert (
        key_digest(make_key("profile", base="a", tuned="b", arithmetic="exact")) == "106a3c76c28f65c1da5a2becfd9c2021"
    )

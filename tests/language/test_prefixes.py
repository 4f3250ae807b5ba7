"""What prompts share is found and read once."""

from analysis.language.prefixes import common_length, find_starts


def starts_of(prompts: list[list[int]], most: int = 100) -> list[tuple[int, ...]] | None:
    found = find_starts(prompts, most)
    return None if found is None else [found.texts[place] for place in found.of]


def test_each_prompt_has_the_longest_start_that_enough_others_share() -> None:
    one = [[1, 2, 3, number, 7, 7] for number in range(10, 14)]
    other = [[1, 2, 4, number, 7, 7] for number in range(10, 14)]
    assert starts_of(one + other) == [(1, 2, 3)] * 4 + [(1, 2, 4)] * 4
    assert starts_of([*one, *other, [1, 2, 5, 5, 5]])[-1] == (1, 2)  # type: ignore[index]


def test_every_prompt_keeps_its_last_token() -> None:
    assert starts_of([[1, 2, 3]] * 5) == [(1, 2)] * 5
    assert starts_of([[1, 2, 3, 4]] * 5 + [[1, 2]]) == [(1, 2, 3)] * 5 + [(1,)]


def test_prompts_without_a_common_beginning_may_still_share_some() -> None:
    group = [[1, 2, 3, number] for number in range(10, 18)]
    found = starts_of([*group, [9, 9, 9]])
    assert found == [(1, 2, 3)] * 8 + [()]


def test_starts_that_would_save_little_are_not_read_apart() -> None:
    assert starts_of([[1, 2], [3, 4]]) is None
    assert starts_of([[1]]) is None
    assert starts_of([]) is None
    assert starts_of([[0, *range(100 * n, 100 * n + 99)] for n in range(1, 9)]) is None  # a token of 100 each


def test_there_are_never_more_starts_than_asked_for() -> None:
    prompts = [[0, 0, 0, group, group, number, 5] for group in range(10, 20) for number in range(30, 36)]
    found = find_starts(prompts, 100), find_starts(prompts, 4)
    assert found[0] is not None and len(found[0].texts) == 10
    assert found[1] is not None and found[1].texts == ((0, 0, 0),)


def test_what_all_begin_with_leaves_each_its_last_token() -> None:
    assert common_length([[1, 2, 3], [1, 2, 4]]) == 2
    assert common_length([[1, 2], [1, 2, 3]]) == 1
    assert common_length([[5], [5]]) == 0

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from routstr.payment.usage import Media, Taken, Usage, complete_usage, merge_usage
from routstr.payment.usage_reading import parse_usage


def test_restated_counts_are_not_added_up() -> None:
    start = parse_usage({"input_tokens": 10, "cache_read_input_tokens": 100, "output_tokens": 1})
    delta = parse_usage({"input_tokens": 10, "cache_read_input_tokens": 100, "output_tokens": 50})
    assert merge_usage(start, delta) == Usage(10, 50, 100)


def test_a_later_event_may_leave_the_input_out() -> None:
    start = parse_usage({"input_tokens": 10, "cache_read_input_tokens": 100, "output_tokens": 1})
    assert merge_usage(start, parse_usage({"output_tokens": 50})) == Usage(10, 50, 100)


def test_a_later_event_may_tell_what_was_cached() -> None:
    early = parse_usage({"prompt_tokens": 110, "completion_tokens": 1})
    late = parse_usage(
        {
            "prompt_tokens": 110,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 100},
        }
    )
    assert merge_usage(early, late) == Usage(10, 5, 100)


def test_a_later_event_may_tell_what_was_reasoning() -> None:
    assert merge_usage(Usage(10, 5), Usage(10, 5, reasoning=3)) == Usage(10, 5, reasoning=3)


def test_merging_keeps_every_count() -> None:
    early, late = Usage(10, 1, 20, 30, 1, 2, 5), Usage(11, 4, 21, 31, 3, 1, 6)
    assert merge_usage(early, late) == Usage(11, 4, 21, 31, 3, 2, 6)


def test_a_report_merged_with_an_estimate_is_no_report() -> None:
    merged = merge_usage(Usage(10, 5), Usage(10, 6, reported=False))
    assert merged == Usage(10, 6, reported=False)
    assert merge_usage(Usage(10, 5, reported=False), Usage(10, 6)) == merged


def test_totals_never_shrink_in_a_stream() -> None:
    assert merge_usage(Usage(10, 50, reasoning=9), Usage(10, 3)) == Usage(10, 50, reasoning=9)


usages = st.builds(Usage, *[st.integers(0, 100)] * 7)


@given(usages, usages)
def test_merging_keeps_the_largest_input_and_output(one: Usage, other: Usage) -> None:
    merged = merge_usage(one, other)
    assert merged is not None
    assert merged.input == max(one.input, other.input)
    assert merged.completion == max(one.completion, other.completion)


@given(usages)
def test_merging_with_nothing_or_itself_changes_nothing(one: Usage) -> None:
    assert merge_usage(one, None) == merge_usage(None, one) == merge_usage(one, one) == one
    assert merge_usage(None, None) is None


ESTIMATE = Usage(30, 12, reported=False)


def test_without_a_report_the_estimate_is_billed() -> None:
    assert complete_usage(None, ESTIMATE) == ESTIMATE


def test_a_full_report_is_billed_as_it_is() -> None:
    assert complete_usage(Usage(25, 10), ESTIMATE) == Usage(25, 10)
    assert complete_usage(Usage(0, 10, cache_read=25), ESTIMATE) == Usage(0, 10, 25)


def test_output_that_was_seen_is_not_free() -> None:
    assert complete_usage(Usage(25, 0), ESTIMATE) == Usage(25, 12, reported=False)


def test_a_single_token_that_was_seen_is_not_free() -> None:
    seen = Usage(30, 1, reported=False)
    assert complete_usage(Usage(25, 0), seen) == Usage(25, 1, reported=False)
    assert complete_usage(Usage(0, 0), seen) == seen
    assert complete_usage(Usage(0, 1), Usage(30, 0, reported=False)).input == 30


def test_what_an_estimate_completes_keeps_the_rest_of_the_report() -> None:
    reported = Usage(0, 10, reasoning=4, images=2, web_searches=3)
    assert complete_usage(reported, Usage(5, 12, 6, 7, reported=False)) == Usage(
        5, 10, 6, 7, 4, 2, 3, reported=False
    )


def test_an_answer_without_input_is_not_believed() -> None:
    assert complete_usage(Usage(0, 10), ESTIMATE) == Usage(30, 10, reported=False)
    assert complete_usage(Usage(0, 0), ESTIMATE) == ESTIMATE


def test_an_empty_answer_without_tokens_is_believed() -> None:
    assert complete_usage(Usage(0, 0), Usage(30, 0, reported=False)) == Usage(0, 0)


def test_embeddings_have_no_output() -> None:
    assert complete_usage(Usage(8, 0), Usage(30, 0, reported=False)) == Usage(8, 0)


def test_what_is_told_apart_is_joined_and_never_more_than_its_whole() -> None:
    early = Usage(10, 0, media=Media(audio_input=10))
    late = Usage(0, 5, media=Media(audio_output=5))
    assert merge_usage(early, late) == Usage(10, 5, media=Media(audio_input=10, audio_output=5))
    guessed = complete_usage(replace(early, completion=0), Usage(3, 7, reported=False))
    assert guessed == Usage(10, 7, reported=False, media=Media(audio_input=10))


def test_what_the_provider_takes_is_kept_beside_later_and_mended_counts() -> None:
    cheap, dear = (Usage(1, 1, taken=Taken(Decimal(usd))) for usd in (1, 2))
    more = Usage(2, 2)
    for first, second, left in ((cheap, more, cheap), (more, cheap, cheap), (cheap, dear, dear)):
        merged = merge_usage(first, second)
        assert merged is not None
        assert merged.taken == left.taken
    assert complete_usage(replace(cheap, completion=0), Usage(3, 3)).taken == cheap.taken


SOUND_AND_PICTURES = Media(audio_input=1, audio_output=2, image_input=3, image_output=4)


def test_parts_come_from_where_their_counts_come_from() -> None:
    other = Media(audio_input=5, audio_output=6, image_input=7, image_output=8)
    more_read, more_written = Usage(20, 1, media=SOUND_AND_PICTURES), Usage(2, 30, media=other)
    mixed = Media(audio_input=1, audio_output=6, image_input=3, image_output=8)
    assert merge_usage(more_read, more_written) == Usage(20, 30, media=mixed)
    completed = complete_usage(replace(more_read, completion=0), replace(more_written, prompt=9))
    assert completed.media == mixed

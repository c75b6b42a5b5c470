import base64
import json
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.payment.tokens import (
    EXACT_CHARS,
    IMAGE_TOKENS_GATE,
    IMAGE_TOKENS_LOW,
    IMAGE_TOKENS_WORST,
    TEMPLATE_TOKENS_WORST,
    count_text,
    load_vocabulary,
    output_estimate,
    prompt_estimate,
)

PROSE = "The old lighthouse keeper believed that storms spoke to those who listened. " * 20
CODE = "def add(a: int, b: int) -> int:\n    return a + b\n\n" * 20


def chat(*messages: object, **more: object) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages), **more}


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


@pytest.fixture(autouse=True, scope="module")
def vocabulary() -> None:
    load_vocabulary()


def test_known_counts() -> None:
    assert count_text("") == 0
    assert count_text("Hello") == 1
    assert count_text("Smoke tests keep releases honest.") == 6
    assert output_estimate("Hello") == 1


def test_odd_text_is_counted_and_special_tokens_are_text() -> None:
    assert count_text("<|endoftext|>") > 1
    assert count_text("\ud800 lonely") > 0
    assert count_text("\x00") == 1


def content_chars(body: dict[str, Any]) -> int:
    """The rule of older clients: characters of string content and of text parts."""
    chars = 0
    for message in body["messages"]:
        content = message["content"]
        for part in [content] if isinstance(content, str) else content:
            chars += len(part if isinstance(part, str) else part.get("text", ""))
    return chars


texts = st.text(max_size=40)
parts = st.lists(st.builds(lambda t: {"type": "text", "text": t}, texts), max_size=3)
messages = st.lists(st.builds(user, texts | parts), max_size=4)


@given(messages)
def test_the_gate_of_a_plain_chat_counts_as_clients_do(some: list[object]) -> None:
    body = chat(*some, temperature=0.5, user="me", max_tokens=9, stop=["\n\n"], stream=True)
    assert prompt_estimate(body).gate_tokens == content_chars(body) // 3


def all_strings(value: object) -> int:
    """The rule of newer clients: every string of the body, names of fields too."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + all_strings(one) for key, one in value.items())
    return sum(map(all_strings, value)) if isinstance(value, list) else 0


scalars = st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=80)
fields = st.sampled_from(
    ["role", "content", "type", "text", "name", "tools", "data", "input", "prompt", "x", "system"]
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=12,
)
bodies = st.dictionaries(fields | st.just("messages"), trees, max_size=5)


def numbers(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(numbers, value.values()))
    return sum(map(numbers, value)) if isinstance(value, list) else int(type(value) is int)


@given(bodies)
def test_the_gate_never_counts_more_than_the_whole_body(body: dict[str, Any]) -> None:
    estimate = prompt_estimate(body)
    others = numbers(body) + estimate.images * IMAGE_TOKENS_GATE
    assert estimate.gate_tokens <= all_strings(body) // 3 + others


@given(bodies)
def test_the_worst_case_is_never_below_the_guess(body: dict[str, Any]) -> None:
    estimate = prompt_estimate(body)
    assert 0 <= estimate.tokens <= estimate.worst_tokens


@given(st.lists(st.text(max_size=60), max_size=6))
def test_the_worst_case_covers_the_plain_count_of_every_text(some: list[str]) -> None:
    estimate = prompt_estimate(chat(*map(user, some)))
    assert estimate.worst_tokens >= sum(map(count_text, some)) + TEMPLATE_TOKENS_WORST
    assert estimate.worst_tokens >= count_text("\n".join(some))


@pytest.mark.parametrize(
    "place",
    [
        {"tools": [{"type": "function", "function": {"name": "f", "description": PROSE}}]},
        {"response_format": {"type": "json_schema", "json_schema": {"description": PROSE}}},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": PROSE}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": PROSE}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "text": PROSE}]}]},
        {"messages": [PROSE]},
        {"system": PROSE},
        {"system": [{"type": "text", "text": PROSE}]},
        {"instructions": PROSE},
        {"input": PROSE},
        {"input": [PROSE]},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": PROSE}]}]},
        {"prompt": PROSE},
        {"prompt": [PROSE]},
        {"tools": [{PROSE: 1}]},
        {"documents": [{"text": PROSE}]},
        {"some_new_field": PROSE},
        {"prompt": [1, 2, PROSE]},
    ],
)
def test_a_text_counts_wherever_it_hides(place: dict[str, Any]) -> None:
    estimate = prompt_estimate(place)
    assert estimate.worst_tokens >= count_text(PROSE)
    assert estimate.tokens >= count_text(PROSE)
    assert estimate.gate_tokens >= len(PROSE) // 3


def called(arguments: object) -> dict[str, Any]:
    call = {"type": "tool_use", "id": "t", "name": "look", "input": arguments}
    return chat({"role": "assistant", "content": [call]})


@pytest.mark.parametrize(
    "body",
    [
        called({PROSE: 1}),
        called({"type": PROSE}),
        called({"type": "image", "data": PROSE, "url": ""}),
        called({"a": [{"source": {PROSE: None}, "type": "image_url"}]}),
        chat({"role": "assistant", "tool_calls": [{"function": {"arguments": {PROSE: 1}}}]}),
        chat({"role": PROSE, "content": "Hi"}),
    ],
)
def test_a_text_is_not_hidden_in_what_is_json_to_the_model(body: dict[str, Any]) -> None:
    estimate = prompt_estimate(body)
    assert estimate.tokens >= count_text(PROSE)
    assert estimate.gate_tokens >= len(PROSE) // 3


def test_a_text_of_other_letters_counts_in_full_where_base64_is_usual() -> None:
    text = "人工智能正在改变世界。" * 100
    assert prompt_estimate(called({"data": text})).tokens >= count_text(text)


@pytest.mark.parametrize("place", [called, lambda given: {"input": given}])
@pytest.mark.parametrize("number", [10**3_999, -(10**3_999), 12345678901.5, 2**63])
def test_a_number_counts_by_its_digits(place: Any, number: float) -> None:
    assert prompt_estimate(place([number] * 9)).tokens >= 9 * len(str(number)) // 3


def test_a_number_of_thousands_of_digits_counts_at_the_gate() -> None:
    assert prompt_estimate(called({"a": 10**3_999})).gate_tokens > 1_300
    usual = called({"a": 1_763_800_000_000, "b": [1.5, -7]})
    assert (
        prompt_estimate(usual).gate_tokens == prompt_estimate(called({"a": 0, "b": []})).gate_tokens
    )


def test_token_ids_count_one_each() -> None:
    assert prompt_estimate({"prompt": [[1, 2, 3], [4, 5]]}).gate_tokens == 5
    assert prompt_estimate({"input": list(range(1000))}).tokens == 1000


BASE64 = base64.b64encode(bytes(30_000)).decode()


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + BASE64}},
        {"type": "input_image", "image_url": "data:image/png;base64," + BASE64},
        {"type": "image", "source": {"type": "base64", "data": BASE64}},
    ],
)
def test_an_image_counts_as_an_image_and_not_as_text(part: dict[str, object]) -> None:
    plain = prompt_estimate(chat(user([])))
    estimate = prompt_estimate(chat(user([part])))
    assert estimate.images == 1
    assert estimate.gate_tokens == IMAGE_TOKENS_GATE
    assert estimate.worst_tokens == plain.worst_tokens + IMAGE_TOKENS_WORST


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.png", "detail": "low"}},
        {"type": "input_image", "image_url": "https://example.org/cat.png", "detail": "low"},
    ],
)
def test_a_low_detail_image_is_small(part: dict[str, object]) -> None:
    plain = prompt_estimate(chat(user([]))).worst_tokens
    low = prompt_estimate(chat(user([part] * 3)))
    assert low.images == 3
    assert low.worst_tokens - plain >= 3 * IMAGE_TOKENS_LOW
    assert low.worst_tokens - plain < 3 * IMAGE_TOKENS_LOW + 30


def test_sound_and_files_count_by_their_characters() -> None:
    part = {"type": "input_audio", "input_audio": {"data": BASE64, "format": "wav"}}
    estimate = prompt_estimate(chat(user([part])))
    assert estimate.gate_tokens == (len(BASE64) + len("wav")) // 3
    assert len(BASE64) / 3 < estimate.tokens < len(BASE64) / 3 + 30


SCHEMA = [{"name": "get_weather", "parameters": {"city": {"type": "string"}}}]
OTHER_VOCABULARIES = [  # the larger of the counts with SmolLM2 (49k) and SentencePiece (32k)
    ("人工智能正在改变世界。人们每天都在使用各种语言模型来写作、编程和学习新的知识。" * 10, 670),
    ("Искусственный интеллект меняет мир, и каждый день люди учатся новому. " * 10, 521),
    ("कृत्रिम बुद्धिमत्ता दुनिया को बदल रही है और लोग हर दिन सीखते हैं। " * 10, 721),
    (json.dumps(SCHEMA * 10, indent=4), 443),
    ("".join(random.Random(1).choices("0123456789", k=4000)), 4_001),
]


@pytest.mark.parametrize(("text", "tokens"), OTHER_VOCABULARIES)
def test_the_worst_case_covers_smaller_vocabularies(text: str, tokens: int) -> None:
    assert prompt_estimate(chat(user(text))).worst_tokens >= tokens


@pytest.mark.parametrize("unit", [PROSE, CODE, "漢字仮名交じり文。", "0123456789", "😀 é"])
def test_a_long_text_is_sampled_to_nearly_its_count(unit: str) -> None:
    text = unit * (4 * EXACT_CHARS // len(unit))
    piece = len(text) // 8
    real = sum(count_text(text[start : start + piece]) for start in range(0, len(text), piece))
    assert real <= count_text(text) * 1.02
    assert count_text(text) <= real * 1.1
    assert prompt_estimate(chat(user(text))).worst_tokens >= real


@pytest.mark.parametrize("dense_chars", [4_000, 40_000, 120_000])
def test_dense_text_inside_plain_text_is_noticed_in_its_proportion(dense_chars: int) -> None:
    dense = base64.b64encode(random.Random(2).randbytes(dense_chars * 3 // 4)).decode()
    text = PROSE * 60 + dense + PROSE * 60
    real = sum(count_text(text[at : at + 10_000]) for at in range(0, len(text), 10_000))
    assert real <= prompt_estimate(chat(user(text))).worst_tokens <= real * 2


def test_the_windows_of_a_long_text_cannot_be_known_beforehand() -> None:
    spaces, dense = " " * 1_000, "7c" * 500
    tail = [" " * 2 * EXACT_CHARS + f"{number}" for number in range(20)]
    counts = {count_text((spaces + dense) * 64 + end) for end in tail}
    assert len(counts) > 10


def test_a_huge_body_takes_no_longer_than_its_bytes() -> None:
    body = chat(user(PROSE * 2_500))  # 3.8 million characters
    began = time.process_time()
    prompt_estimate(body)
    assert time.process_time() - began < 0.25


def test_deep_nesting_does_not_overflow() -> None:
    deep: object = "x" * 90
    for _ in range(20_000):
        deep = [deep]
    assert prompt_estimate({"tools": deep}).gate_tokens == 30


@pytest.mark.parametrize("body", [{}, {"messages": None}, {"messages": "x"}, {"messages": [None]}])
def test_malformed_bodies_are_estimated_all_the_same(body: dict[str, Any]) -> None:
    assert prompt_estimate(body).worst_tokens >= TEMPLATE_TOKENS_WORST


def test_an_estimate_does_not_depend_on_the_run() -> None:
    body = chat(user(json.dumps(list(range(30_000)))))
    assert prompt_estimate(body) == prompt_estimate(json.loads(json.dumps(body)))

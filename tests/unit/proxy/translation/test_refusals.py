"""Words of refusals, and small pieces that both requests need."""

from routstr.proxy.translation.refusals import KIND_CHARS_MAX, cannot, function, kind_of, shortest


def test_a_refusal_says_why() -> None:
    error = cannot("keep a response", "store")
    assert error.message == (
        "The provider of this model cannot keep a response: it speaks chat completions only."
    )
    assert (error.http_status, error.details) == (400, {"param": "store"})


def test_a_type_is_repeated_as_far_as_it_may_be_one() -> None:
    assert kind_of({"type": "x" * 1_000}) == "x" * KIND_CHARS_MAX
    assert kind_of({"type": ["x"]}) == kind_of({}) == ""


def test_a_function_without_parameters_takes_none() -> None:
    told = function("look", {"strict": False}, None)
    parameters = {"type": "object", "properties": {}}
    assert told == {"type": "function", "function": {"name": "look", "parameters": parameters}}


def test_texts_are_one_text_unless_there_is_something_else() -> None:
    text: dict[str, object] = {"type": "text", "text": "a"}
    assert shortest([text, text]) == "a\na"
    image: dict[str, object] = {"type": "image_url"}
    assert shortest([text, image]) == [text, image]

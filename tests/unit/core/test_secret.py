import copy
import json
import logging
import pickle
from dataclasses import asdict, dataclass

import msgspec
import pytest
from pydantic import BaseModel, ValidationError

from routstr.core.secret import MASK, Secret

PLANTED = "planted-9f8e7d6c"


@dataclass
class Holder:
    key: Secret


class Model(BaseModel):
    key: Secret = Secret()


def test_reveal_is_the_way_to_the_text() -> None:
    assert Secret(PLANTED).reveal() == PLANTED
    assert Secret(Secret(PLANTED)).reveal() == PLANTED


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(PLANTED)),
        str(Secret(PLANTED)),
        f"{Secret(PLANTED)}",
        f"{Secret(PLANTED):>40}",
        f"{Secret(PLANTED)!r}",
        repr([Secret(PLANTED)]),
        repr(Holder(Secret(PLANTED))),
        repr(asdict(Holder(Secret(PLANTED)))),
        repr(Model(key=Secret(PLANTED))),
        Model(key=Secret(PLANTED)).model_dump_json(),
        repr(Model(key=Secret(PLANTED)).model_dump()),
        str(BaseException(Secret(PLANTED))),
    ],
)
def test_it_never_prints(shown: str) -> None:
    assert PLANTED not in shown
    assert MASK in shown


def test_a_log_record_does_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("key is %s", Secret(PLANTED))

    assert caplog.messages == [f"key is {MASK}"]


def test_json_refuses_it() -> None:
    with pytest.raises(TypeError):
        json.dumps({"key": Secret(PLANTED)})
    with pytest.raises(TypeError):
        msgspec.json.encode({"key": Secret(PLANTED)})


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_refuses_it(protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(PLANTED), protocol)


def test_a_copy_is_the_same_object() -> None:
    secret = Secret(PLANTED)

    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_it_does_not_change() -> None:
    secret = Secret(PLANTED)
    with pytest.raises(AttributeError):
        secret.text = "other"
    with pytest.raises(AttributeError):
        secret._Secret__text = "other"

    assert secret.reveal() == PLANTED


def test_equal_texts_are_equal_secrets_and_a_text_is_none() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("\udcff") == Secret("\udcff")


def test_an_empty_secret_is_false() -> None:
    assert not Secret()
    assert Secret("0")


def test_only_a_text_can_be_a_secret() -> None:
    with pytest.raises(TypeError):
        Secret(b"bytes")  # type: ignore[arg-type]


def test_a_model_takes_a_text_and_refuses_the_rest_without_repeating_it() -> None:
    assert Model.model_validate({"key": PLANTED}).key == Secret(PLANTED)
    with pytest.raises(ValidationError, match="must be a text"):
        Model.model_validate({"key": 5})


def test_an_api_s_description_calls_it_a_password() -> None:
    shown = Model.model_json_schema()["properties"]["key"]
    assert (shown["type"], shown["format"]) == ("string", "password")

import pytest

from routstr.catalog.snapshot import ModelEntry
from routstr.core.secret import Secret
from routstr.errors import InvalidModelPath
from routstr.upstream.adapters import ADAPTERS
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.paths import ModelPath, follow, path_of, read_path, shown_url
from routstr.upstream.provider import Profile
from tests.unit.proxy.harness import SNAPSHOT

ENTRY: ModelEntry = SNAPSHOT.models["good"]


def profile(number: int, url: str) -> Profile:
    keys = (Secret("sk-planted"),)
    return Profile(number, f"p{number}", ADAPTERS["generic"], url, keys, UpstreamLimits())


FIRST = profile(1, "https://api.one.example/v1")
SECOND = profile(2, "http://10.0.0.5:8000/v1")
THIRD = profile(3, "http://10.0.0.6:8000/v1")
PLACES = [(ENTRY, FIRST), (ENTRY, SECOND), (ENTRY, THIRD)]


def test_a_path_says_which_provider_and_nothing_that_is_private() -> None:
    assert path_of(FIRST, "good") == (
        "url=https%3A%2F%2Fapi.one.example%2Fv1&provider-id=1&model-id=good"
    )
    hidden = path_of(SECOND, "a/b c")
    assert hidden == "url=http%3A%2F%2Flocalhost&provider-id=2&model-id=a%2Fb+c"
    assert read_path(hidden) == ModelPath("http://localhost", 2, "a/b c")


@pytest.mark.parametrize(
    "url",
    [
        *("http://localhost:1/v1", "http://127.0.0.1/v1", "http://[::1]/v1", "http://10.1.2.3/v1"),
        *("https://api.example.com:8443/v1", "http://vllm/v1", "https://box.local/v1"),
    ],
)
def test_private_addresses_are_masked(url: str) -> None:
    assert shown_url(url) == "http://localhost"


def test_a_path_leads_back_to_its_provider() -> None:
    for entry, at in PLACES:
        found = follow(read_path(path_of(at, "GOOD")), [(entry, at)])
        assert found is ENTRY
    assert follow(read_path(path_of(THIRD, "good")), PLACES) is ENTRY


def test_a_path_without_an_id_is_good_while_it_is_clear() -> None:
    assert follow(ModelPath("https://api.one.example/v1", None, "good"), PLACES) is ENTRY
    with pytest.raises(InvalidModelPath):
        follow(ModelPath("http://localhost", None, "good"), PLACES)


@pytest.mark.parametrize(
    "path",
    [
        ModelPath("https://api.one.example/v1", 2, "good"),
        ModelPath("https://api.one.example/v1", 1, "other"),
        ModelPath("https://else.example/v1", 1, "good"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: ModelPath) -> None:
    with pytest.raises(InvalidModelPath):
        follow(path, PLACES)


@pytest.mark.parametrize(
    "text",
    [
        *("", "nonsense", "url=&model-id=m", "url=u", "model-id=m", "url=u&model-id="),
        *("url=u&model-id=m&provider-id=x", "url=u&model-id=m&provider-id=-1"),
        *(
            "url=u&url=v&model-id=m",
            "url=u&model-id=m&endpoint=tag",
            f"url=u&model-id={'m' * 2000}",
        ),
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidModelPath):
        read_path(text)

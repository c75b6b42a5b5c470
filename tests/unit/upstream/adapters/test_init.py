from routstr.upstream.adapters import ADAPTERS, adapter_of, find_adapter
from routstr.upstream.adapters.base import Adapter


def test_types_are_found_by_their_other_names() -> None:
    assert find_adapter("custom") is find_adapter("vllm") is ADAPTERS["generic"]
    assert find_adapter("x-ai") is ADAPTERS["xai"]
    assert find_adapter("nobody") is None


def test_an_unknown_host_is_a_generic_provider() -> None:
    assert adapter_of("http://127.0.0.1:8000/v1") is ADAPTERS["generic"]
    assert adapter_of("http://localhost:11434/v1") is ADAPTERS["generic"]
    assert adapter_of("") is ADAPTERS["generic"]


def test_a_registry_can_be_larger_than_this_one() -> None:
    own = Adapter(name="own", title="Own", base_url="https://api.own.example/v1")
    adapters = {**ADAPTERS, "own": own}
    assert (
        find_adapter("own", adapters) is adapter_of("https://api.own.example/v2", adapters) is own
    )

import pytest

from routstr.errors import UpstreamRejected


@pytest.mark.parametrize("status", [400, 404, 418, 503])
def test_a_provider_s_refusal_keeps_its_status(status: int) -> None:
    error = UpstreamRejected("No.", upstream_status=status, details={"code": "x"})
    assert error.http_status == status
    assert error.details == {"code": "x"}
    assert error.message == "No."

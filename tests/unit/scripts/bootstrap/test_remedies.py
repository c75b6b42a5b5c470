import pytest

from scripts.bootstrap.remedies import remedy


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "PIP_CERT"),
        ("cause: invalid peer certificate: UnknownIssuer", "PIP_CERT"),
        ("OSError: [Errno 28] No space left on device", "disk space"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "Do not"),
        ("error: Hash mismatch for `uv==1`", "Do not"),
        ("cause: dns error", "network"),
        ("ReadTimeoutError: Read timed out.", "network"),
        ("Because coincurve==1 has no usable wheels", "no wheel"),
        ("error: Permission denied (os error 13)", "belongs to you"),
        ("something else", "Run the command again"),
    ],
)
def test_each_cause_has_its_advice(output: str, words: str) -> None:
    assert words in remedy(output)


def test_pip_without_a_network_is_told_of_the_network_and_not_of_wheels() -> None:
    output = (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)'\n"
        "ERROR: No matching distribution found for uv==1.0\n"
    )

    assert "network" in remedy(output)

"""Azure OpenAI: the key in ``api-key``, and a deployment in the address.

=============================================  ====================================================
base address                                   what is asked
=============================================  ====================================================
``https://<name>.openai.azure.com``            ``/openai/deployments/<model>/<path>?api-version=``,
                                               responses at ``/openai/v1/responses``
``https://<name>.openai.azure.com/openai/v1``  ``/<path>``, the deployment in the body
=============================================  ====================================================

A deployment is called what the model is called at the provider (``forwarded_model_id``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from yarl import URL

from routstr.upstream.adapters.base import NO_OPTIONS, Adapter, below, endpoints

API_VERSION: Final = "2024-10-21"
"""Used where the operator names none (``api_version``)."""
_HOSTS: Final = (".openai.azure.com", ".cognitiveservices.azure.com")
_V1: Final = "openai/v1"
_RESPONSES: Final = "responses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Azure(Adapter):
    """Addresses by deployment."""

    def owns(self, host: str) -> bool:
        """See :class:`Adapter`."""
        return host.endswith(_HOSTS)

    def headers(self, key: str, path: str) -> Mapping[str, str]:  # noqa: ARG002 - the port's
        """See :class:`Adapter`."""
        return {"Api-Key": key} if key else {}

    def url(self, base: URL, path: str, model: str, options: Mapping[str, str] = NO_OPTIONS) -> URL:
        """See :class:`Adapter`."""
        path = path.strip("/")
        if base.path.rstrip("/").endswith(f"/{_V1}"):
            return below(base, path)
        root = base.parent if base.path.rstrip("/").endswith("/openai") else base
        if path.partition("/")[0] == _RESPONSES:
            return below(root, f"{_V1}/{path}")
        name = quote(model, safe="")  # one part of the path, whatever is in it
        deployment = root.joinpath("openai", "deployments", name, encoded=True)
        version = options.get("api_version") or API_VERSION
        return below(deployment, path).with_query({"api-version": version})


ADAPTER: Final = Azure(
    name="azure",
    title="Azure OpenAI",
    platform_url="https://portal.azure.com",
    native=endpoints(
        "audio", "chat/completions", "completions", "embeddings", "images", "responses"
    ),
    by_model=True,
)

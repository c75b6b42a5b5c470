"""What is wrong with a request before any money is looked at."""

from typing import ClassVar

from routstr.errors.base import RoutstrError


class RequestError(RoutstrError):
    """The request is not valid."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "invalid_request"


class InvalidJson(RequestError):
    """The body is not valid JSON."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_json"


class InvalidParameter(RequestError):
    """A parameter of the request is out of range."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_parameter"


class MaxCostExceeded(RequestError):
    """The request may cost more than its ``X-Max-Cost-Msat`` allows. Nothing was held."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "max_cost_exceeded"


class BodyTooLarge(RequestError):
    """The body is larger than this node accepts."""

    status: ClassVar[int] = 413
    code: ClassVar[str] = "request_too_large"


class BodyTimeout(RequestError):
    """The body did not arrive in time."""

    status: ClassVar[int] = 408
    code: ClassVar[str] = "request_timeout"


class HeadersTooLarge(RequestError):
    """The headers are larger than this node accepts."""

    status: ClassVar[int] = 431
    code: ClassVar[str] = "headers_too_large"


class UnsupportedBody(RequestError):
    """The body has a content type or encoding that is not supported here."""

    status: ClassVar[int] = 415
    code: ClassVar[str] = "unsupported_media_type"


class NotFound(RequestError):
    """Not found. See /docs for the endpoints of this node."""

    status: ClassVar[int] = 404
    type: ClassVar[str] = "not_found"
    code: ClassVar[str] = "not_found"


class ReceiptNotFound(RequestError):
    """There is no charge of this request to the key or payment that asks."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "receipt_not_found"


class ModelNotFound(RequestError):
    """The model is not sold by this node."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_model"
    code: ClassVar[str] = "model_not_found"


class InvalidModelPath(RequestError):
    """The model path does not lead to a provider of this model."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "invalid_model_path"


class EndpointNotServed(RequestError):
    """No provider of this model serves this endpoint."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "endpoint_not_served"


class NotPriced(RequestError):
    """What is asked for has no price on this node. Nothing was held."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "no_price"


class InvalidPath(RequestError):
    """The path of the request is not plain. Nothing was held."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_path"


class ChildKeyNotFound(RequestError):
    """Child key not found."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "child_key_not_found"


class ChildKeyNotAllowed(RequestError):
    """A child key cannot do this; its parent can."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "child_key_not_allowed"


class InvalidEvent(RequestError):
    """An event of a conversation is not valid. It was not passed on."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_event"


class SessionExpired(RequestError):
    """The conversation has lasted, or was silent, as long as it may."""

    status: ClassVar[int] = 408
    code: ClassVar[str] = "session_expired"


class HttpsRequired(RequestError):
    """This node is spoken to over HTTPS only. A key that was just sent may have been read."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "https_required"


class ForbiddenOrigin(RequestError):
    """Pages of this origin may not open connections to this node."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "forbidden_origin"

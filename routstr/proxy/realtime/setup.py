"""What a conversation is set up to: whether responses begin by themselves, how long they may be.

The provider's word counts (``session.created``, ``session.updated``), but only while no wish of the
client's is under way; until then the dearer of both is assumed. Both spellings are read: that of
the API (``session.audio.input.turn_detection``, ``max_output_tokens``), and that of its beta
(``session.turn_detection``, ``max_response_output_tokens``).
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

from routstr.payment.pricing import MAX_OUTPUT
from routstr.proxy.realtime.reading import PCM_BYTES, PHONE_BYTES

_LIMITS: Final = ("max_output_tokens", "max_response_output_tokens")
_PCM: Final = frozenset({"audio/pcm", "pcm16"})
_ABSENT: Final = object()


class Setup:
    """The state of one conversation."""

    __slots__ = ("_asked", "_told", "automatic", "bytes_per_second", "max_output", "transcribing")

    def __init__(self) -> None:
        self._asked: Final[deque[str]] = deque()
        self._told: Mapping[str, object] = {}
        self.automatic = True
        """Whether the provider begins responses by itself, when it hears a pause."""
        self.transcribing = False
        """Whether what is heard is written down."""
        self.max_output: int | None = None
        """Tokens of a response that names no limit; None: as many as the model can."""
        self.bytes_per_second = PCM_BYTES
        """Of the sound that the client sends; never more than it really is."""

    def ask(self, session: Mapping[str, object], event_id: str) -> None:
        """The client wishes a change, which is about to be passed on under this name."""
        self._asked.append(event_id)
        turns, transcripts = _turns(session), _transcripts(session)
        if turns is not _ABSENT:
            self.automatic |= _begins(turns)
        if transcripts is not _ABSENT:
            self.transcribing |= transcripts is not None
        named, limit = read_limit(session)
        if named:
            known = self.max_output
            self.max_output = None if limit is None or known is None else max(limit, known)
        if (sound := _sound(session)) is not None:
            self.bytes_per_second = min(self.bytes_per_second, sound)

    def tell(self, session: Mapping[str, object], *, answers: bool) -> None:
        """The provider says what it has; ``answers`` the oldest wish, or comes by itself."""
        self._told = session
        if answers and self._asked:
            self._asked.popleft()
        self._adopt()

    def refuse(self, event_id: str) -> None:
        """The provider refuses the wish of this name, if there is one."""
        if event_id in self._asked:
            self._asked.remove(event_id)
            self._adopt()

    def _adopt(self) -> None:
        session = self._told
        if self._asked or not session:
            return
        turns, transcripts = _turns(session), _transcripts(session)
        if turns is not _ABSENT:
            self.automatic = _begins(turns)
        if transcripts is not _ABSENT:
            self.transcribing = transcripts is not None
        named, limit = read_limit(session)
        if named:
            self.max_output = limit
        if (sound := _sound(session)) is not None:
            self.bytes_per_second = sound


def read_limit(holder: Mapping[str, object]) -> tuple[bool, int | None]:
    """Whether a limit of output is named, and which; None: no limit (``inf``)."""
    for name in _LIMITS:
        if name in holder:
            limit = holder[name]
            whole = type(limit) is int and 1 <= limit <= MAX_OUTPUT
            return True, limit if whole and isinstance(limit, int) else None
    return False, None


def _turns(session: Mapping[str, object]) -> object:
    """How the provider knows that somebody has finished; ``_ABSENT`` when nothing is said."""
    sound = _input(session)
    if sound is not None and "turn_detection" in sound:
        return sound["turn_detection"]
    return session.get("turn_detection", _ABSENT)


def _transcripts(session: Mapping[str, object]) -> object:
    sound = _input(session)
    if sound is not None and "transcription" in sound:
        return sound["transcription"]
    return session.get("input_audio_transcription", _ABSENT)


def _begins(turns: object) -> bool:
    if turns is None:
        return False
    return not isinstance(turns, Mapping) or turns.get("create_response") is not False


def _sound(session: Mapping[str, object]) -> int | None:
    sound = _input(session) or {}
    kind = sound.get("format", session.get("input_audio_format"))
    if isinstance(kind, Mapping):
        kind = kind.get("type")
    if kind is None:
        return None
    return PCM_BYTES if kind in _PCM else PHONE_BYTES


def _input(session: Mapping[str, object]) -> Mapping[str, object] | None:
    sound = session.get("audio")
    given = sound.get("input") if isinstance(sound, Mapping) else None
    return given if isinstance(given, Mapping) else None

"""What a request used and is billed for, and how what is known of it is put together. Pure."""

from decimal import Decimal

from msgspec import Struct


class Media(Struct, frozen=True, gc=False):
    """What of a usage is no text.

    The tokens are parts of the usage's ``prompt`` and ``completion``. Pictures that were made,
    seconds of sound that were heard and characters that were spoken come on top of any tokens.
    """

    audio_input: int = 0
    audio_output: int = 0
    image_input: int = 0
    image_output: int = 0
    images_made: int = 0
    seconds: int = 0
    characters: int = 0


class Taken(Struct, frozen=True, gc=False):
    """What a provider says that it takes: USD, or msat."""

    amount: Decimal
    in_msat: bool = False


class Usage(Struct, frozen=True, gc=False):
    """What is billed, in tokens and pieces.

    ``prompt`` counts the uncached input only; ``reasoning`` is the part of ``completion`` that
    carries a surcharge. ``reported`` is False for an estimate of this node. ``images`` are never
    reported: who prices images sets them from the request. ``taken`` is what the provider says that
    it takes itself: no charge depends on it.
    """

    prompt: int
    completion: int
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    images: int = 0
    web_searches: int = 0
    reported: bool = True
    media: Media | None = None
    taken: Taken | None = None

    @property
    def input(self) -> int:
        """All input tokens, cached or not."""
        return self.prompt + self.cache_read + self.cache_write


def merge_usage(first: Usage | None, second: Usage | None) -> Usage | None:
    """Combine what a stream said earlier and later.

    Counts in streams are running totals, so nothing is added up. Input and output are taken as
    groups from the later one, unless it says less: a later event may tell the split between cached
    and uncached input for the first time, and another may leave the input out.
    """
    if first is None or second is None:
        return first or second
    source = second if second.input >= first.input else first
    output = second if second.completion >= first.completion else first
    return Usage(
        prompt=source.prompt,
        cache_read=source.cache_read,
        cache_write=source.cache_write,
        completion=output.completion,
        reasoning=output.reasoning,
        images=max(first.images, second.images),
        web_searches=max(first.web_searches, second.web_searches),
        reported=first.reported and second.reported,
        media=_joined(source.media, output.media),
        taken=first.taken if second.taken is None else second.taken,
    )


def complete_usage(reported: Usage | None, estimate: Usage) -> Usage:
    """What to bill: the report, with this node's own count where the report cannot be true.

    No output although some was seen, or no input although an answer came: the estimate stands in.
    Nothing reported on both sides and nothing seen is believed: an empty answer costs no tokens.
    """
    if reported is None:
        return estimate
    no_output = reported.completion == 0 and estimate.completion > 0
    answered = reported.completion > 0 or estimate.completion > 0
    no_input = reported.input == 0 and answered
    if not (no_output or no_input):
        return reported
    source = estimate if no_input else reported
    output = estimate if no_output else reported
    return Usage(
        prompt=source.prompt,
        cache_read=source.cache_read,
        cache_write=source.cache_write,
        completion=output.completion,
        reasoning=output.reasoning,
        images=reported.images,
        web_searches=reported.web_searches,
        reported=False,
        media=_joined(source.media, output.media),
        taken=reported.taken,
    )


def _joined(of_input: Media | None, of_output: Media | None) -> Media | None:
    """The parts of an input and of an output, which may have been told apart."""
    if of_input is of_output:
        return of_input
    read, written = of_input or Media(), of_output or Media()
    return Media(read.audio_input, written.audio_output, read.image_input, written.image_output)

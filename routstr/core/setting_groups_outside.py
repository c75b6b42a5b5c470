"""Settings of what the node has to do with the world: Tor, Nostr, who is told, who watches."""

from routstr.core.secret import Secret
from routstr.core.setting_group import Group
from routstr.core.setting_types import (
    Networks,
    NostrKey,
    Npub,
    Password,
    ProviderId,
    RelayUrls,
    SecondsOrOff,
    SocksUrl,
    Url,
)


class Tor(Group):
    """Tor."""

    tor_proxy_url: SocksUrl = "socks5://127.0.0.1:9050"
    """Tor's SOCKS port, by which .onion mints and providers are reached; empty: they are not."""
    tor_all: bool = False
    """Reach everything through Tor, but this machine and the provider's inner addresses."""


class Alerts(Group):
    """Where the operator is told what cannot wait."""

    alert_webhook_url: Url = ""
    """Address that gets each alert as a JSON POST; a public one."""
    alert_ntfy_url: Url = ""
    """Topic of ntfy that gets each alert as a message, such as https://ntfy.sh/my-topic."""


class Nostr(Group):
    """How the node is found: its announcement on Nostr."""

    nsec: NostrKey = Secret()
    """Secret key of the node on Nostr, nsec1... or 64 hexadecimal digits; empty: the stored one."""
    relays: RelayUrls = (
        "wss://relay.nostr.band",
        "wss://relay.damus.io",
        "wss://relay.routstr.com",
        "wss://nos.lol",
    )
    """Relays to announce the node at and to read from, comma separated; none: no Nostr at all."""
    provider_id: ProviderId = ""
    """Name of the announcement among those of the same key; empty: found or made once, and kept."""
    enable_analytics_sharing: bool = False
    """Publish sums of requests, tokens and revenue on Nostr, for everybody to see."""
    alert_npub: Npub = ""
    """Nostr key (npub1...) that gets each alert as a private message; needs a key of the node."""
    admin_npub: Npub = ""
    """Nostr key (npub1...) whose owner may sign in as the operator, without the password."""
    providers_refresh_interval_seconds: SecondsOrOff = 0
    """How often other nodes are looked up on relays for /v1/providers/; 0: they are not listed."""
    reviewer_npub: Npub = "npub1ftt05tgku25m2akgvw6v7aqy5ux5mseqcrzy05g26ml43xf74nyqsredsh"
    """Nostr key (npub1...) whose reviews of nodes and lists of models are read; empty: none."""


class Monitoring(Group):
    """What watches the node from outside."""

    metrics_token: Password = Secret()
    """Token that opens /metrics as Bearer, at least 8 characters; the operator's open it too."""
    metrics_networks: Networks = ()
    """Addresses or networks that may read /metrics without a token, comma separated."""
    otel_exporter_otlp_endpoint: Url = ""
    """Collector of OpenTelemetry that gets traces, by OTLP over HTTP; needs routstr[otel]."""

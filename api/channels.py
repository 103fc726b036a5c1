"""Channels with their newest trouble: as the settings name them, and as the sender found them."""

from collections.abc import Sequence
from dataclasses import replace

from model.alert_ports import Channels, ChannelView
from model.status import AlertsStatus


def channel_views(channels: Channels, status: AlertsStatus | None) -> Sequence[ChannelView]:
    """Return all channels; what the sender last said of one counts before what is known here."""
    told = {} if status is None else status.channels
    return [replace(one, trouble=told.get(one.name) or one.trouble) for one in channels.channels()]

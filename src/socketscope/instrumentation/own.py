"""The one reporter of a process, however many ways its applications are watched."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from socketscope.errors import ConfigurationError
from socketscope.instrumentation.options import MessageCarrier, Options, from_environment
from socketscope.instrumentation.reporter import Reporter
from socketscope.telemetry.process import process_telemetry


class _Own:
    """The one reporter of this process, and what code gave for it."""

    reporter: Reporter | None = None
    options: Options | None = None
    providers: Mapping[str, Any] = MappingProxyType({})


def own_reporter(
    options: Options | None = None, *, message_carrier: MessageCarrier | None = None, **providers: Any
) -> Reporter:
    """Give the one reporter of this process, made at the first call.

    Options and providers given in code go before those of the environment; a `message_carrier` is put into either.
    Raises `ConfigurationError` where code gives different ones in two places: counts of one process have one set of
    limits, one key and one destination.
    """
    if message_carrier is not None:
        base = options or _Own.options or from_environment(os.environ)
        options = dataclasses.replace(base, message_carrier=message_carrier)
    given = {name: provider for name, provider in providers.items() if provider is not None}
    if _Own.options is not None and options not in (None, _Own.options):
        raise ConfigurationError("options", options, f"the same options everywhere in a process, here {_Own.options}")
    if _Own.providers and given and given != _Own.providers:
        raise ConfigurationError("providers", given, f"the same providers everywhere, here {_Own.providers}")
    _Own.options = options or _Own.options
    _Own.providers = given or _Own.providers
    telemetry = process_telemetry()
    if _Own.reporter is None:
        options = _Own.options or from_environment(os.environ)
        _Own.reporter = Reporter(telemetry, options, providers=_Own.providers)
    elif options is not None or given:
        _Own.reporter.configure(options or _Own.reporter.options, _Own.providers)
    telemetry.limit_channels(_Own.reporter.options.channel_limit)
    if given:
        telemetry.switch_on(provider=given.get("meter_provider"))
    return _Own.reporter
